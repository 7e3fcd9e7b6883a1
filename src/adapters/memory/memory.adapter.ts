import { ContainerModule } from 'inversify';
import { ChannelEngine } from '../../channels/channel-engine.js';
import { LocalCluster } from '../../cluster/local/local-cluster.js';
import { CLOCK } from '../../ports/clock.js';
import { type ClusterNode, JOIN_CLUSTER } from '../../ports/cluster.js';
import { SOCKET_CONFIG, type SocketConfig } from '../../ports/socket-config.js';
import { SOCKET_CLIENT } from '../../ports/socket-client.js';
import type { SocketAdapter } from '../adapter.js';
import { ManualClock } from './manual-clock.js';
import { MemorySocketClient } from './memory-socket-client.js';

/** The fake, for tests: needs no port and no package. */
export const memoryAdapter: SocketAdapter = {
  module: new ContainerModule(({ bind }) => {
    bind(ManualClock).toSelf().inSingletonScope();
    // The engine lives on the test's time.
    bind(CLOCK).toService(ManualClock);
    bind(JOIN_CLUSTER).toDynamicValue((container) => {
      const config = container.get<SocketConfig>(SOCKET_CONFIG);
      const clock = container.get(ManualClock);
      return (node: ClusterNode) => new LocalCluster(node, config, clock);
    });
    bind(ChannelEngine).toSelf().inSingletonScope();
    bind(MemorySocketClient).toSelf().inSingletonScope();
    bind(SOCKET_CLIENT).toService(MemorySocketClient);
  }),
  clientOptions: () => ({ cluster: 'memory', forceTLS: false, enabledTransports: ['ws', 'wss'] }),
};
