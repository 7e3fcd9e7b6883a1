import { loadWith } from '../../../ports/missing-package.js';
import type { SocketRuntime } from '../../../runtime/socket-runtime.js';
import type { MetricsRegistry, ModuleMetrics } from '../socket-options.js';

/**
 * Loads `prom-client`, and registers a module's metrics.
 *
 * @throws MissingPackageError when it is not installed
 * @throws SocketConfigurationError when the registry has other metrics with these names
 */
export async function startMetrics(
  registry: MetricsRegistry,
  runtime: SocketRuntime,
): Promise<ModuleMetrics> {
  const load = () => import('./collectors.js');
  const { Collectors } = await loadWith(['prom-client'], 'option', 'metrics', load);
  return Collectors.in(registry).add(runtime);
}
