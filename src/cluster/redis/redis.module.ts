import { ContainerModule } from 'inversify';
import { CLOCK, type Clock } from '../../ports/clock.js';
import { type ClusterNode, JOIN_CLUSTER } from '../../ports/cluster.js';
import { LOGGER, type SocketLogger } from '../../ports/logger.js';
import { SOCKET_CONFIG, type SocketConfig } from '../../ports/socket-config.js';
import { RedisCluster } from './redis-cluster.js';

/** Binds `JOIN_CLUSTER` to a cluster of any number of nodes, over Redis. */
export const redisCluster = new ContainerModule(({ bind }) => {
  bind(JOIN_CLUSTER).toDynamicValue((container) => {
    const config = container.get<SocketConfig>(SOCKET_CONFIG);
    const clock = container.get<Clock>(CLOCK);
    const logger = container.get<SocketLogger>(LOGGER);
    return (node: ClusterNode) => new RedisCluster(node, config, clock, logger);
  });
});
