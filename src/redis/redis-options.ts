import type { RedisOptions } from 'ioredis';
import type { RedisAddress } from '../ports/socket-config.js';

/** What an ioredis client is made with; its own overloads do not take its own type. */
export type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

/** What a server wants to know of who comes. */
export function access({ username, password, isTls }: RedisAddress): ClientOptions {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(isTls && { tls: {} }),
  };
}

/** Where one server is, or the sentinels that know, and how it is entered. */
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

/** Why something failed, without saying where Redis is: by the system's code, or in the server's words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  return 'syscall' in error && typeof code === 'string' ? code : error.message;
}
