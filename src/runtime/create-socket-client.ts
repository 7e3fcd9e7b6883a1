import type { SocketAdapter } from '../adapters/adapter.js';
import {
  checkFunction,
  checkNames,
  checkObject,
  invalidArgument,
  isObject,
  kindOf,
} from '../ports/arguments.js';
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

const CLIENT_OPTIONS = Object.keys({ adapters: true, onRelayError: true } satisfies Record<
  keyof SocketClientOptions,
  true
>);

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
 * @throws SocketUsageError `INVALID_ARGUMENT` for a configuration that `socketConfig` did not make, or no logger
 */
export async function createSocketClient(
  config: SocketConfig,
  logger: SocketLogger,
  options: SocketClientOptions = {},
): Promise<SocketClient> {
  checkArguments(config, logger, options);
  const runtime = await SocketRuntime.start(config, logger, options.adapters);
  const client = new SocketClient(runtime, oneLineLogger(logger), options);
  runtime.open();
  return client;
}

function checkArguments(config: SocketConfig, logger: SocketLogger, options: SocketClientOptions): void {
  const { provider, delivery } = Object(config) as Partial<SocketConfig>;
  if (typeof provider !== 'string' || !isObject(delivery)) {
    const what = 'createSocketClient(config, logger): config must be the result of socketConfig(environment)';
    throw invalidArgument(`${what}; it is ${kindOf(config)}`);
  }
  const methods = Object(logger) as Readonly<Record<string, unknown>>;
  for (const name of ['log', 'warn', 'error'])
    checkFunction(`createSocketClient(config, logger): logger.${name}`, methods[name], ', as with console');
  checkObject('createSocketClient(config, logger, options): options', options);
  checkNames('createSocketClient(config, logger, options): options', options, CLIENT_OPTIONS);
  const { adapters = [] }: { readonly adapters?: unknown } = options;
  if (!Array.isArray(adapters) || !adapters.every(isObject))
    throw invalidArgument('createSocketClient(config, logger, options): adapters must be a list of adapters');
  const onRelayError: unknown = Reflect.get(options, 'onRelayError');
  if (onRelayError !== undefined)
    checkFunction('createSocketClient(config, logger, options): onRelayError', onRelayError);
}
