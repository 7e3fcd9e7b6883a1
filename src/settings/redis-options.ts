import type { ConnectionOptions } from 'node:tls';
import * as v from 'valibot';

/** The host and the port of a Redis server. */
interface RedisHost {
  readonly host: string;
  readonly port: number;
}

/**
 * The options of `ioredis` that a URL cannot carry. Each is passed to every connection that it concerns, of the cluster and of
 * the queue, whatever kind of Redis the URL leads to. The other options of `ioredis` are set by this package, or by the URL.
 *
 * @see docs/scaling.md#what-a-url-cannot-carry
 */
export interface RedisClientOptions {
  /**
   * The options of Node's `tls.connect`, like `ca`, `cert` and `key`. They count where the URL begins with `rediss`.
   *
   * @default the certificate has to be for the address that is connected to, or for a host in the URL
   */
  readonly tls?: ConnectionOptions;
  /** The IP version: 4, 6, or 0 for both. @default 0 */
  readonly family?: 0 | 4 | 6;
  /**
   * The address at which this process reaches a server, by the `host:port` that the Redis Cluster or the sentinels announce: for
   * servers behind a NAT or a tunnel. @default none, the announced ones
   */
  readonly natMap?: Readonly<Record<string, RedisHost>> | ((announced: string) => RedisHost | null);
  /**
   * Finds the address of a host in the URL of a Redis Cluster, as Node's `dns.lookup` does.
   *
   * @default the name is left to the connection, which tries all its addresses
   */
  readonly dnsLookup?: (
    hostname: string,
    callback: (error: NodeJS.ErrnoException | null | undefined, address: string, family?: number) => void,
  ) => void;
  /** The user name for the sentinels. @default none */
  readonly sentinelUsername?: string;
  /** The password for the sentinels. @default the URL's password */
  readonly sentinelPassword?: string;
}

const anObject = v.custom<object>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'must be an object',
);
const aFunction = v.custom<object>((value) => typeof value === 'function', 'must be a function');
const aText = v.pipe(v.string('must be a text'), v.minLength(1, 'must be a text that is not empty'));

const SCHEMAS = {
  tls: anObject,
  family: v.picklist([0, 4, 6], 'must be one of: 0, 4, 6'),
  natMap: v.union([anObject, aFunction], 'must be an object or a function'),
  dnsLookup: aFunction,
  sentinelUsername: aText,
  sentinelPassword: aText,
} satisfies Record<keyof RedisClientOptions, v.GenericSchema>;

/** The names of the options. */
export const REDIS_OPTIONS: readonly string[] = Object.keys(SCHEMAS);

/** Everything that is wrong with the options, a line each. No value is shown: it may be a secret. */
export function redisOptionsProblems(options: unknown): readonly string[] {
  const object = v.safeParse(anObject, options);
  if (!object.success) return ['redisOptions: must be an object of options'];
  return Object.entries(object.output).flatMap(([name, value]) => {
    const schema = Object.entries(SCHEMAS).find(([known]) => known === name)?.[1];
    if (schema === undefined) {
      const others = 'the others are set by this package, or by the URL';
      return [`redisOptions.${name}: is not one of: ${REDIS_OPTIONS.join(', ')}; ${others}`];
    }
    const result = value === undefined ? undefined : v.safeParse(schema, value);
    return result?.issues?.map(({ message }) => `redisOptions.${name}: ${message}`) ?? [];
  });
}
