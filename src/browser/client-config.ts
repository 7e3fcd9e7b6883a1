import type { ClientConfig, PusherAuthOptions } from '../ports/client-config.js';

/** The options of `new Pusher(key, options)`, as the backend sends them. */
export interface PusherOptions extends PusherAuthOptions {
  readonly cluster: string;
  readonly forceTLS: boolean;
}

/** Asks the backend for the client's configuration. @throws Error when the answer is no configuration for `pusher-js` */
export async function readConfig(
  url: string,
  headers: Record<string, string>,
): Promise<ClientConfig<PusherOptions>> {
  const response = await fetch(url, { headers }).catch((cause: unknown) => {
    throw new Error(`${url} cannot be reached`, { cause });
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const config: unknown = await response.json().catch(() => undefined);
  if (!isClientConfig(config)) throw new Error(`${url} did not answer with a socket configuration`);
  if (config.provider === 'memory')
    throw new Error('The backend uses the provider "memory", which no browser can reach');
  if (!isForPusher(config))
    throw new Error(`The backend uses the provider "${config.provider}", which pusher-js cannot connect to`);
  return config;
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
