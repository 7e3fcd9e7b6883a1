import type { SocketAdapter } from '../adapters/adapter.js';
import { oneLineLogger, type SocketLogger } from '../ports/logger.js';
import type { SocketConfig } from '../ports/socket-config.js';
import type { LostRelay } from '../relays/receipt.js';
import { Relays } from '../relays/relays.js';
import { SocketRuntime } from './socket-runtime.js';

/** The optional surroundings of a client without Nest. */
export interface SocketClientOptions {
  /** The adapters that the configuration was read with, besides the built-in ones. @default [] */
  readonly adapters?: readonly SocketAdapter[];
  /** Told about every lost relay whose call could not reject. A throw is logged. */
  onRelayError?(lost: LostRelay): void;
}

/** Relays without Nest: for a worker, a script or a command-line tool. */
export class StandaloneClient extends Relays {
  readonly #runtime: SocketRuntime;

  constructor(runtime: SocketRuntime, logger: SocketLogger, options: SocketClientOptions) {
    super({
      config: runtime.config,
      client: runtime.client,
      clock: runtime.clock,
      logger,
      provider: () => runtime.provider,
      channelEvents: runtime.channelEvents,
      deliver: (listener) => runtime.deliver(listener),
      onRelayError: (lost) => options.onRelayError?.(lost),
    });
    this.#runtime = runtime;
  }

  /** Ends the attempts under way, and releases every connection, timer and handle. Later calls fail. */
  async close(): Promise<void> {
    await this.#runtime.close();
    this.release();
  }
}

/**
 * Relays without Nest: the same checks, receipts, policies and `afterCommit` as `SocketService`.
 *
 * @param config from `socketConfig`
 * @param logger `console` will do
 * @throws MissingPackageError when a package that the configuration asks for is not installed
 */
export async function createSocketClient(
  config: SocketConfig,
  logger: SocketLogger,
  options: SocketClientOptions = {},
): Promise<StandaloneClient> {
  const runtime = await SocketRuntime.start(config, logger, options.adapters);
  return new StandaloneClient(runtime, oneLineLogger(logger), options);
}
