import { ContainerModule } from 'inversify';
import { CLUSTER } from '../../ports/cluster.js';
import { LocalCluster } from './local-cluster.js';

/** One node, which needs nothing. */
export const localCluster = new ContainerModule(({ bind }) => {
  bind(CLUSTER).to(LocalCluster).inSingletonScope();
});
