import type { ClientConfig, PusherAuthOptions } from '../ports/client-config.js';
import { ConnectError } from './connect-error.js';

/** The options of `new Pusher(key, options)`, as the backend sends them. */
export interface PusherOptions extends PusherAuthOptions {
  readonly cluster: string;
  readonly forceTLS: boolean;
  readonly wsHost?: string;
  readonly wsPort?: number;
  readonly wssPort?: number;
  readonly wsPath?: string;
}

/**
 * Checks an answer of the backend.
 *
 * @param unexpected makes the error for an answer that is no configuration at all
 * @throws ConnectError when it is no configuration for `pusher-js`
 */
export function checkedConfig(answer: unknown, unexpected: () => ConnectError): ClientConfig<PusherOptions> {
  if (!isClientConfig(answer)) throw unexpected();
  if (answer.provider === 'memory')
    throw new ConnectError(
      'UNSUPPORTED_PROVIDER',
      'The backend uses the provider "memory", which no browser can reach',
    );
  if (!isForPusher(answer))
    throw new ConnectError(
      'UNSUPPORTED_PROVIDER',
      `The backend uses the provider "${answer.provider}", which pusher-js cannot connect to`,
    );
  return answer;
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

function isForPusher(config: ClientConfig): config is ClientConfig<PusherOptions> {
  return 'channelAuthorization' in config.options && 'userAuthentication' in config.options;
}
