/** How `pusher-js` asks the backend for a signature. */
export interface AuthEndpoint {
  readonly endpoint: string;
  readonly transport: 'ajax';
}

/** What `GET /socket/config` answers, as far as the helper looks into it. */
export interface ClientConfig {
  readonly provider: 'ws' | 'pusher' | 'memory';
  readonly key: string;
  readonly options: {
    readonly cluster: string;
    readonly forceTLS: boolean;
    readonly channelAuthorization: AuthEndpoint;
    readonly userAuthentication: AuthEndpoint;
  };
  readonly broadcastChannel: string;
  /** After how many milliseconds to ask again; absent where it will be the same. */
  readonly recheckMs?: number;
}

/** @throws Error when the backend does not answer with a configuration a browser can use */
export async function readConfig(url: string, headers: Record<string, string>): Promise<ClientConfig> {
  const response = await fetch(url, { headers }).catch((cause: unknown) => {
    throw new Error(`${url} cannot be reached`, { cause });
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const config: unknown = await response.json().catch(() => undefined);
  if (!isClientConfig(config)) throw new Error(`${url} did not answer with a socket configuration`);
  if (config.provider === 'memory')
    throw new Error('The backend uses the provider "memory", which no browser can reach');
  return config;
}

function isClientConfig(value: unknown): value is ClientConfig {
  return (
    typeof value === 'object' &&
    value !== null &&
    'key' in value &&
    'options' in value &&
    'broadcastChannel' in value
  );
}
