/** Where Redis is, as `SOCKET_REDIS_URL` says it. */
export interface RedisAddress {
  /** The servers, or with `primary` the sentinels. Several without it are seeds of a Redis Cluster. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  readonly isTls: boolean;
  /** The name by which sentinels know the primary. */
  readonly primary: string | undefined;
}

const URL_SHAPE = /^(rediss?)(-sentinel)?:\/\/(?:([^@]*)@)?([^/#?]+)(?:\/(\d*))?(?:#(.+))?$/;

/**
 * Reads a URL whose shape was checked with the configuration.
 *
 * @throws Error without the URL in it, which may have a password
 */
export function redisAddress(url: string): RedisAddress {
  const [, scheme, sentinel, credentials, hosts, database, primary] = URL_SHAPE.exec(url) ?? [];
  if (scheme === undefined || hosts === undefined)
    throw new Error('SOCKET_REDIS_URL: it is not a URL of Redis');
  const defaultPort = sentinel === undefined ? 6_379 : 26_379;
  // `redis://:password@host` and `redis://user:password@host`; what they contain is percent-encoded.
  const separator = credentials?.indexOf(':') ?? -1;
  const username = decode(separator === -1 ? credentials : credentials?.slice(0, separator));
  return {
    hosts: hosts.split(',').map((host) => hostAndPort(host, defaultPort)),
    username,
    password: decode(separator === -1 ? undefined : credentials?.slice(separator + 1)),
    database: Number(database ?? 0),
    isTls: scheme === 'rediss',
    primary: sentinel === undefined ? undefined : primary,
  };
}

function hostAndPort(text: string, defaultPort: number): { host: string; port: number } {
  const [, bracketed, plain = '', port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
  return { host: bracketed ?? plain, port: port === undefined ? defaultPort : Number(port) };
}

function decode(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : decodeURIComponent(text);
}
