import { isIP } from 'node:net';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import { Cluster, type ClusterOptions, type Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress } from '../ports/socket-config.js';

/** The options of an ioredis client. Its constructors do not accept ioredis's own type. */
export type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

/** The address of one server, or of the sentinels that know it, with the credentials and the TLS settings. */
export function whereabouts(address: RedisAddress): ClientOptions {
  const { hosts, database, primary, password, options = {} } = address;
  const { natMap, sentinelUsername, sentinelPassword = password } = options;
  const [first = { host: 'localhost', port: 6_379 }] = hosts;
  const { tls, ...credentials } = access(address);
  if (primary === undefined) {
    // Node tells the server no name by itself. A proxy in front of several may need it.
    const name = isIP(first.host) === 0 ? { servername: first.host } : {};
    return { ...first, ...credentials, ...(tls !== undefined && { tls: { ...name, ...tls } }), db: database };
  }
  return {
    ...credentials,
    sentinels: [...hosts],
    name: primary,
    ...(natMap !== undefined && { natMap }),
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...(tls !== undefined && { tls, enableTLSForSentinelMode: true, sentinelTLS: tls }),
    db: database,
  };
}

/**
 * Opens the client of a Redis Cluster.
 *
 * @param forServers the options of the connection to each server
 */
export function openCluster(
  address: RedisAddress,
  forCluster: Omit<ClusterOptions, 'redisOptions'>,
  forServers: ClientOptions,
): Cluster {
  const { natMap, dnsLookup = keepName } = address.options ?? {};
  return new Cluster([...address.hosts], {
    dnsLookup,
    ...(natMap !== undefined && { natMap }),
    ...forCluster,
    redisOptions: { ...access(address), ...forServers },
  });
}

/** Whether a server is part of a Redis Cluster. */
export async function isInCluster(client: Redis): Promise<boolean> {
  return /^cluster_enabled:1/m.test(await client.info('cluster'));
}

/** Why something failed: the system's error code, or the server's message. The address of Redis is not in it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  return 'syscall' in error && typeof code === 'string' ? code : error.message;
}

/**
 * An error of a command without the command: the client adds it, and its arguments are payloads and the names of everybody whom
 * it is for. A log that shows an error with its causes would show them.
 */
export function withoutCommand(error: unknown): unknown {
  if (error instanceof Error) Reflect.deleteProperty(error, 'command');
  return error;
}

/** The credentials and the TLS settings for a server. */
function access({ hosts, username, password, isTls, options = {} }: RedisAddress): ClientOptions {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    // The default of ioredis 5 is 4, which finds nothing in a network that has IPv6 only.
    family: options.family ?? 0,
    ...(isTls && { tls: { ...certifiedFor(hosts), ...options.tls } }),
  };
}

/**
 * Accepts a certificate for the address that is connected to, or for a host of the URL: a Redis Cluster and sentinels announce
 * their servers by IP addresses, and a managed one has a certificate for its host name only.
 */
function certifiedFor(hosts: RedisAddress['hosts']): ConnectionOptions {
  return {
    checkServerIdentity: (host, certificate) => {
      const error = checkServerIdentity(host, certificate);
      const isKnown = hosts.some((known) => checkServerIdentity(known.host, certificate) === undefined);
      return isKnown ? undefined : error;
    },
  };
}

/** Leaves a name to the connection. An address in its place would lose the name that the certificate is for. */
function keepName(hostname: string, callback: (error: null, address: string) => void): void {
  callback(null, hostname);
}
