import type { SocketAdapter } from '../adapters/adapter.js';
import { oneLineLogger, type SocketLogger } from '../ports/logger.js';
import type { SocketConfig } from '../ports/socket-config.js';
import type { LostRelay } from '../relays/receipt.js';
import { Relays } from '../relays/relays.js';
import { SocketRuntime } from './socket-runtime.js';

/** The options of {@link createSocketClient}. */
export interface SocketClientOptions {
  /** The adapters besides the built-in ones that the configuration was read with. @default [] */
  readonly adapters?: readonly SocketAdapter[];
  /**
   * Called with every lost relay whose call could not reject: all of them while `failure` is `report`, and otherwise those
   * that were answered with `queued`. An error that it throws is logged. @default undefined
   */
  onRelayError?(lost: LostRelay): void;
}

/** {@link Relays} without Nest, for a worker, a script or a command-line tool. {@link createSocketClient} makes it. */
export class SocketClient extends Relays {
  readonly #runtime: SocketRuntime;

  constructor(runtime: SocketRuntime, logger: SocketLogger, options: SocketClientOptions) {
    super(runtime, { logger, onRelayError: (lost) => options.onRelayError?.(lost) });
    this.#runtime = runtime;
  }

  /** Ends the current attempts, and releases every connection, timer and handle. Later calls fail. */
  close(): Promise<void> {
    return this.#runtime.close();
  }
}

/**
 * Makes a client without Nest, with the same checks, receipts, failure policy and `afterCommit` as `SocketService`.
 *
 * @param config the result of `socketConfig`
 * @param logger `console`, or any other logger with its methods
 * @throws MissingPackageError when a package that the configuration needs is not installed
 * @throws SocketConfigurationError when no adapter has the configured name
 */
export async function createSocketClient(
  config: SocketConfig,
  logger: SocketLogger,
  options: SocketClientOptions = {},
): Promise<SocketClient> {
  const runtime = await SocketRuntime.start(config, logger, options.adapters);
  return new SocketClient(runtime, oneLineLogger(logger), options);
}
