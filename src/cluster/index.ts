import type { MemoryLog } from '../history/memory-log.js';
import type { Clock } from '../ports/clock.js';
import type { JoinCluster } from '../ports/cluster.js';
import type { EventLog } from '../ports/history.js';
import type { SocketLogger } from '../ports/logger.js';
import { loadWith } from '../ports/missing-package.js';
import type { ClusterKind, SocketConfig } from '../ports/socket-config.js';

/** Makes the way into one kind of cluster. A single node keeps the history of its channels in `memoryLog`. */
export type ClusterFactory = (
  config: SocketConfig,
  clock: Clock,
  logger: SocketLogger,
  memoryLog: MemoryLog,
) => JoinCluster;

/**
 * Loads one kind of cluster, and nothing of the others.
 *
 * @throws MissingPackageError when `ioredis` is needed and not installed
 */
export async function loadCluster(kind: ClusterKind): Promise<ClusterFactory> {
  switch (kind) {
    case 'local': {
      const { LocalCluster } = await import('./local/local-cluster.js');
      return (config, clock, _logger, memoryLog) => (node) =>
        new LocalCluster(node, config, clock, memoryLog);
    }
    case 'redis': {
      const load = () => import('./redis/redis-cluster.js');
      const { RedisCluster } = await loadWith(['ioredis'], 'cluster', 'redis', load);
      return (config, clock, logger) => (node) => new RedisCluster(node, config, clock, logger);
    }
  }
}

/**
 * Makes the logs of an adapter without a channel engine: in the memory of this process, or in the Redis of the cluster.
 *
 * @throws MissingPackageError when `ioredis` is needed and not installed
 */
export async function loadEventLog(
  config: SocketConfig,
  clock: Clock,
  logger: SocketLogger,
  memoryLog: MemoryLog,
): Promise<EventLog> {
  if (config.cluster === 'local') return memoryLog;
  const load = () => import('./redis/history/redis-event-log.js');
  const { RedisEventLog } = await loadWith(['ioredis'], 'cluster', 'redis', load);
  return new RedisEventLog(config, clock, logger);
}
