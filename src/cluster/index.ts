import type { ContainerModule } from 'inversify';
import { missingPackage } from '../ports/missing-package.js';
import type { ClusterKind } from '../ports/socket-config.js';

/**
 * Loads the module of one kind of cluster, which binds `JOIN_CLUSTER`. Nothing of the other kinds is loaded.
 *
 * @throws MissingPackageError when `ioredis` is needed and not installed
 */
export async function loadCluster(kind: ClusterKind): Promise<ContainerModule> {
  switch (kind) {
    case 'local':
      return (await import('./local/local.module.js')).localCluster;
    case 'redis':
      try {
        return (await import('./redis/redis.module.js')).redisCluster;
      } catch (cause) {
        throw missingPackage('redis', ['ioredis'], cause, 'cluster');
      }
  }
}
