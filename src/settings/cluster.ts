import { oneOf, textLike, textReadBy } from './kinds.js';
import { redisAddress, withoutCredentials } from './redis-address.js';
import { setting } from './setting.js';

/** How several processes become one: not at all (`local`), or over Redis. */
export const CLUSTERS = ['local', 'redis'] as const;

const redisUrl = textReadBy(
  redisAddress,
  'must be like redis://host:6379, rediss://:password@host:6379/0, redis://one:6379,two:6379 (a Redis Cluster) or ' +
    'redis-sentinel://one:26379,two:26379/0#primary; what is special in a password has to be percent-encoded',
);

const prefix = textLike(/^[A-Za-z0-9._:-]{1,64}$/, 'must be 1 to 64 letters, digits and . _ : -');

/** How several processes become one, and the Redis that they share. */
export const clusterSettings = {
  /**
   * How several processes become one on `ws` and `socket-io`, and where any provider keeps the history of channels: `local`, not at
   * all, and in memory; `redis`, in Redis, through the package `ioredis`.
   *
   * @see docs/scaling.md
   * @default local
   */
  cluster: setting('SOCKET_CLUSTER', oneOf(CLUSTERS), { default: 'local' }),
  /** The Redis of a cluster and of a queue. */
  redis: {
    /**
     * The address of Redis: `redis://`, `rediss://` or `redis-sentinel://host,host/0#primary`. Several hosts without sentinels
     * are seeds of a Redis Cluster.
     *
     * @see docs/scaling.md#turning-it-on
     * @default none
     */
    url: setting('SOCKET_REDIS_URL', redisUrl, { hideSecrets: withoutCredentials }),
    /**
     * The beginning of every key and channel in Redis. Two applications on one Redis need two.
     *
     * @default switchboard
     */
    prefix: setting('SOCKET_REDIS_PREFIX', prefix, { default: 'switchboard' }),
  },
};
