import { socketConfig } from '../../config/socket-config.js';
import type { SocketConfig } from '../../ports/socket-config.js';
import type { RelayMetrics } from '../../relays/relay-reporter.js';
import { SocketRuntime } from '../../runtime/socket-runtime.js';
import { DEVELOPMENT_APP } from '../../settings/app.js';
import { socketLog } from './socket-log.js';
import type { SocketModuleOptions } from './socket-options.js';

/**
 * Reads the configuration, and starts the providers that it names.
 *
 * @param override the name of a provider to start instead of the configured ones
 * @throws SocketConfigurationError, MissingPackageError
 */
export async function startSocketRuntime(
  options: SocketModuleOptions,
  gatewayPath: string,
  override: string | undefined,
): Promise<SocketRuntime> {
  const logger = socketLog();
  const config = readConfig(options, gatewayPath, override);
  const runtime = await SocketRuntime.start(config, logger, options.adapters);
  if (runtime.hasGateway && config.app.secret === DEVELOPMENT_APP.secret)
    logger.warn('SOCKET_APP_SECRET is the development secret, which is public');
  return runtime;
}

/** A provider that replaces the configured one has no second provider beside it. */
function readConfig(
  options: SocketModuleOptions,
  gatewayPath: string,
  override: string | undefined,
): SocketConfig {
  const { env = process.env, adapters = [] } = options;
  if (override === undefined) return socketConfig(env, options, { adapters, gatewayPath });
  const { second: _, ...alone } = options;
  return socketConfig(
    { ...env, SOCKET_SECOND_ROLE: undefined },
    { ...alone, provider: override },
    { adapters, gatewayPath },
  );
}

/**
 * Registers the metrics with the application's registry. Without a registry, no module of the metrics is loaded.
 *
 * @throws SocketConfigurationError, MissingPackageError
 */
export async function loadMetrics(
  { metrics }: SocketModuleOptions,
  runtime: SocketRuntime,
): Promise<RelayMetrics | undefined> {
  if (metrics === undefined) return undefined;
  const { startMetrics } = await import('./metrics/start-metrics.js');
  return startMetrics(metrics, runtime);
}
