import { ContainerModule } from 'inversify';
import { CLUSTER } from '../../ports/cluster.js';
import { RedisCluster } from './redis-cluster.js';

/** Many nodes, over Redis. */
export const redisCluster = new ContainerModule(({ bind }) => {
  bind(CLUSTER).to(RedisCluster).inSingletonScope();
});
