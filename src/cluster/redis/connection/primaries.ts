import type { Cluster, Redis } from 'ioredis';

/** The servers that have keys of their own: one, or those of a Redis Cluster. */
export function primariesOf(redis: Redis | Cluster): readonly Redis[] {
  return 'nodes' in redis ? redis.nodes('master') : [redis];
}
