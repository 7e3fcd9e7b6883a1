import type { RedisOptions } from 'ioredis';
import type { RedisAddress } from '../ports/socket-config.js';

/** The options of an ioredis client. Its constructors do not accept ioredis's own type. */
export type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

/** The credentials and the TLS settings for a server. */
export function access({ username, password, isTls }: RedisAddress): ClientOptions {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(isTls && { tls: {} }),
  };
}

/** The address of one server, or of the sentinels that know it, with {@link access}. */
export function whereabouts(address: RedisAddress): ClientOptions {
  const { hosts, database, primary, password, isTls } = address;
  const [first = { host: 'localhost', port: 6_379 }] = hosts;
  const where =
    primary === undefined
      ? first
      : {
          sentinels: [...hosts],
          name: primary,
          ...(password !== undefined && { sentinelPassword: password }),
          ...(isTls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
        };
  return { ...where, ...access(address), db: database };
}

/** Why something failed: the system's error code, or the server's message. The address of Redis is not in it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  return 'syscall' in error && typeof code === 'string' ? code : error.message;
}
