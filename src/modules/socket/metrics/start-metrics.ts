import { loadWith } from '../../../ports/missing-package.js';
import type { RelayMetrics } from '../../../relays/relay-reporter.js';
import type { SocketRuntime } from '../../../runtime/socket-runtime.js';
import type { MetricsRegistry } from '../socket-options.js';

/**
 * Loads `prom-client`, and registers a module's metrics.
 *
 * @throws MissingPackageError when it is not installed
 * @throws SocketConfigurationError when the registry has other metrics with these names
 */
export async function startMetrics(registry: MetricsRegistry, runtime: SocketRuntime): Promise<RelayMetrics> {
  const load = () => import('./collectors.js');
  const { Collectors } = await loadWith(['prom-client'], 'option', 'metrics', load);
  return Collectors.in(registry).add(runtime);
}
