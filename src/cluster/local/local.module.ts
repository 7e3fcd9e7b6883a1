import { ContainerModule } from 'inversify';
import { CLOCK, type Clock } from '../../ports/clock.js';
import { type ClusterNode, JOIN_CLUSTER } from '../../ports/cluster.js';
import { SOCKET_CONFIG, type SocketConfig } from '../../ports/socket-config.js';
import { LocalCluster } from './local-cluster.js';

/** Binds `JOIN_CLUSTER` to a cluster of one node, which needs no other service. */
export const localCluster = new ContainerModule(({ bind }) => {
  bind(JOIN_CLUSTER).toDynamicValue((container) => {
    const config = container.get<SocketConfig>(SOCKET_CONFIG);
    const clock = container.get<Clock>(CLOCK);
    return (node: ClusterNode) => new LocalCluster(node, config, clock);
  });
});
