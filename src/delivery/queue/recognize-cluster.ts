import { Redis } from 'ioredis';
import type { RedisAddress } from '../../ports/socket-config.js';
import { isInCluster, reasonOf, whereabouts } from '../../redis/redis-options.js';
import { ANSWER_TIMEOUT_MS } from './queue-link.js';

/**
 * Asks a single server whether it is part of a Redis Cluster: a managed Redis Cluster has one address for all its servers. Other
 * addresses say it by themselves.
 *
 * @returns the address, of which this is known
 * @throws Error whose message says why there is no answer, and does not contain the address of Redis
 */
export async function recognizeCluster(address: RedisAddress): Promise<RedisAddress> {
  if (address.isCluster || address.primary !== undefined) return address;
  const client = new Redis({
    ...whereabouts(address),
    lazyConnect: true,
    connectTimeout: ANSWER_TIMEOUT_MS,
    commandTimeout: ANSWER_TIMEOUT_MS,
    disconnectTimeout: 0,
    retryStrategy: () => null,
  });
  let problem: string | undefined;
  // The first error says more than the last one, which is that there is no connection.
  client.on('error', (error: Error) => {
    problem ??= reasonOf(error);
  });
  try {
    await client.connect();
    return { ...address, isCluster: await isInCluster(client) };
  } catch (error) {
    // A server that does not allow the question is not asked again: most are no Redis Cluster.
    if (error instanceof Error && error.message.startsWith('NOPERM')) return address;
    throw new Error(problem ?? reasonOf(error), { cause: error });
  } finally {
    client.disconnect();
  }
}
