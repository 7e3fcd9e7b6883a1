import type { ClientConfig, PusherAuthOptions } from '../ports/client-config.js';
import { ConnectError } from './connect-error.js';
import type { SocketIoOptions } from './socket-io/socket-io-client.js';

/** The options of `new Pusher(key, options)`, as the backend sends them. */
export interface PusherOptions extends PusherAuthOptions {
  readonly cluster: string;
  readonly forceTLS: boolean;
  readonly wsHost?: string;
  readonly wsPort?: number;
  readonly wssPort?: number;
  readonly wsPath?: string;
}

/** A client for browsers, and how it recognizes the options that are for it. */
export interface ClientKind<Options extends object> {
  /** The name of its package. */
  readonly name: string;
  readonly hasOptions: (options: object) => options is Options;
}

/** `pusher-js`, and every client that signs in as it does. */
export const PUSHER_JS: ClientKind<PusherOptions> = {
  name: 'pusher-js',
  hasOptions: (options): options is PusherOptions =>
    'channelAuthorization' in options && 'userAuthentication' in options,
};

/** `socket.io-client`. */
export const SOCKET_IO_CLIENT: ClientKind<SocketIoOptions> = {
  name: 'socket.io-client',
  hasOptions: (options): options is SocketIoOptions =>
    'url' in options && 'path' in options && 'transports' in options,
};

/**
 * Checks an answer of the backend, and finds the provider or the gateway beside it that a client can connect to.
 *
 * @param unexpected makes the error for an answer that is no configuration at all
 * @throws ConnectError when it is no configuration for this client
 */
export function checkedConfig<Options extends object>(
  answer: unknown,
  kind: ClientKind<Options>,
  unexpected: () => ConnectError,
): ClientConfig<Options> {
  if (!isClientConfig(answer)) throw unexpected();
  if (answer.provider === 'memory')
    throw new ConnectError(
      'UNSUPPORTED_PROVIDER',
      'The backend uses the provider "memory", which no browser can reach',
    );
  for (const { provider, options } of [answer, ...(answer.beside ?? [])])
    if (kind.hasOptions(options)) return { ...answer, provider, options };
  throw new ConnectError(
    'UNSUPPORTED_PROVIDER',
    `The backend uses the provider "${answer.provider}", which ${kind.name} cannot connect to`,
  );
}

/** The address that `pusher-js` connects to. */
export function gatewayUrl({ key, options }: ClientConfig<PusherOptions>, usesTls: boolean): string {
  const { cluster, wsHost = `ws-${cluster}.pusher.com`, wsPath = '' } = options;
  const port = usesTls ? (options.wssPort ?? 443) : (options.wsPort ?? 80);
  const host = port === (usesTls ? 443 : 80) ? wsHost : `${wsHost}:${String(port)}`;
  return `${usesTls ? 'wss' : 'ws'}://${host}${wsPath}/app/${key}`;
}

function isClientConfig(value: unknown): value is ClientConfig {
  return (
    typeof value === 'object' &&
    value !== null &&
    'key' in value &&
    'options' in value &&
    typeof value.options === 'object' &&
    value.options !== null &&
    'broadcastChannel' in value
  );
}
