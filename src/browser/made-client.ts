import type { ClientConfig } from '../ports/client-config.js';
import { authorizationBy, type Authorized } from './authorization.js';
import { backendAt } from './backend.js';
import { gatewayUrl, PUSHER_JS, type PusherOptions, SOCKET_IO_CLIENT } from './client-config.js';
import type { ConnectError } from './connect-error.js';
import { follow } from './follow.js';
import { keepTrying } from './keep-trying.js';
import type { CheckedOptions } from './options.js';
import type { PusherLike } from './pusher-like.js';
import { retried } from './retried.js';
import { SocketIoClient } from './socket-io/socket-io-client.js';
import type { SocketIoFunction, SocketIoLike } from './socket-io/socket-io-like.js';
import { restoreWatchedIds } from './watched-ids.js';

/** A client that was made for the answer of `/socket/config`, and does not listen to anything yet. */
export interface MadeClient {
  readonly pusher: PusherLike;
  readonly broadcastChannel: string;
  /** Begins with what goes on for as long as the connection lives. */
  readonly start: () => void;
  /** The configuration that it is connected with now. */
  readonly config: () => Pick<ClientConfig, 'provider' | 'carriesAnswers' | 'history'>;
  readonly gatewayUrl: () => string;
  readonly failure: () => ConnectError | undefined;
}

/**
 * Asks the backend where to connect, and makes the client for it.
 *
 * `authorized` hears of the live positions that the backend tells before a subscription.
 */
export type MakeClient = (
  options: CheckedOptions,
  signal: AbortSignal,
  authorized: Authorized,
) => Promise<MadeClient>;

/** Makes clients of a class of `pusher-js`. */
export function clientOfPusher(Client: new (key: string, options: never) => PusherLike): MakeClient {
  return async (options, signal, authorized) => {
    const backend = backendAt(options);
    const ask = () => backend.config(PUSHER_JS, signal);
    const config = await retried(ask, options.timeoutMs, signal);
    const authorization = authorizationBy(backend, options.timeoutMs, () => pusher, authorized);
    const optionsOf = (of: ClientConfig<PusherOptions>) => ({ ...of.options, ...authorization.options });
    // `PusherClass` accepts any type of options, hence `never`. The backend made these for `pusher-js`.
    const pusher = new Client(config.key, optionsOf(config) as never);
    restoreWatchedIds(pusher);
    let currentConfig = () => config;
    return {
      pusher,
      broadcastChannel: config.broadcastChannel,
      start: () => {
        currentConfig = follow(pusher, config, ask, optionsOf);
        keepTrying(pusher);
      },
      config: () => currentConfig(),
      gatewayUrl: () => gatewayUrl(currentConfig(), pusher.connection.usingTLS),
      failure: () => authorization.failure,
    };
  };
}

/** Makes clients of `socket.io-client`. */
export function clientOfSocketIo(io: SocketIoFunction<SocketIoLike>): MakeClient {
  return async (options, signal) => {
    const ask = () => backendAt(options).config(SOCKET_IO_CLIENT, signal);
    const config = await retried(ask, options.timeoutMs, signal);
    const pusher = new SocketIoClient(io, config, options);
    return {
      pusher,
      broadcastChannel: config.broadcastChannel,
      start: () => {
        pusher.start();
      },
      config: () => config,
      gatewayUrl: () => config.options.url + config.options.path,
      failure: () => pusher.failure,
    };
  };
}
