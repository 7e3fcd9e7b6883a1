import type { Environment } from '../../config/settings.js';
import { socketConfig, type SocketConfigOptions } from '../../config/socket-config.js';
import { checkObject, kindOf } from '../../ports/arguments.js';
import { SocketConfigurationError } from '../../ports/errors.js';
import type { SocketLogger } from '../../ports/logger.js';
import type { SocketConfig } from '../../ports/socket-config.js';
import { SocketRuntime } from '../../runtime/socket-runtime.js';
import { DEVELOPMENT_APP } from '../../settings/app.js';
import { socketLog } from './socket-log.js';
import type { ModuleMetrics, SocketModuleOptions, SocketModulePaths } from './socket-options.js';

/**
 * Reads the configuration, and starts the providers that it names.
 *
 * @param paths the paths that the module was made with
 * @param override the name of a provider to start instead of the configured ones
 * @throws SocketConfigurationError, MissingPackageError
 */
export async function startSocketRuntime(
  options: SocketModuleOptions,
  paths: Required<SocketModulePaths>,
  override: string | undefined,
): Promise<SocketRuntime> {
  const logger = socketLog();
  checkObject('The options of SocketModule, as useFactory made them,', options);
  const config = readConfig(options, paths, override, logger);
  const runtime = await SocketRuntime.start(config, logger, options.adapters);
  const isSigned = [...runtime.providers, ...runtime.gateways].some(
    ({ adapter: { capabilities } }) =>
      capabilities?.hasGateway === true && capabilities.signsInAsPusher === true,
  );
  if (isSigned && config.app.secret === DEVELOPMENT_APP.secret)
    logger.warn('SOCKET_APP_SECRET is the development secret, which is public');
  return runtime;
}

function readConfig(
  options: SocketModuleOptions,
  paths: Required<SocketModulePaths>,
  override: string | undefined,
  logger: SocketLogger,
): SocketConfig {
  const problems = [...functionProblems(options), ...pathProblems(options, paths)];
  const { gatewayPath } = paths;
  const { env = process.env, adapters, redisOptions } = options;
  const rest = {
    ...(adapters !== undefined && { adapters }),
    ...(redisOptions !== undefined && { redisOptions }),
    gatewayPath,
    logger,
  };
  try {
    const config =
      override === undefined ? socketConfig(env, options, rest) : overridden(env, options, rest, override);
    if (problems.length === 0) return config;
  } catch (error) {
    if (!(error instanceof SocketConfigurationError)) throw error;
    problems.push(...error.problems);
  }
  throw new SocketConfigurationError(problems);
}

/** A provider of tests that replaces the configured ones. It is alone, and may be a fake in production's environment too. */
function overridden(
  env: Environment,
  { second: _second, gateways: _gateways, ...alone }: SocketModuleOptions,
  rest: SocketConfigOptions,
  override: string,
): SocketConfig {
  const environment = {
    ...env,
    SOCKET_SECOND_ROLE: undefined,
    SOCKET_GATEWAYS: undefined,
    NODE_ENV: undefined,
  };
  return socketConfig(environment, { ...alone, provider: override }, rest);
}

/** JavaScript may give anything. */
function functionProblems(options: SocketModuleOptions): string[] {
  const names = ['identify', 'onRelayError'] as const;
  return names
    .map((name): [string, unknown] => [name, Reflect.get(options, name)])
    .filter(([, value]) => value !== undefined && typeof value !== 'function')
    .map(([name, value]) => `${name}: must be a function; it is ${kindOf(value)}`);
}

/** The paths that a factory returns come too late: Nest has made the module by then. */
function pathProblems(options: SocketModuleOptions, paths: Required<SocketModulePaths>): string[] {
  return Object.entries(paths)
    .filter(([name, path]) => {
      const returned: unknown = Reflect.get(options, name);
      return returned !== undefined && returned !== path;
    })
    .map(([name]) => `${name}: must stand beside useFactory, and not in the options that it returns`);
}

/**
 * Registers the metrics with the application's registry. Without a registry, no module of the metrics is loaded. A runtime
 * whose metrics cannot be registered is closed.
 *
 * @throws SocketConfigurationError, MissingPackageError
 */
export async function loadMetrics(
  { metrics }: SocketModuleOptions,
  runtime: SocketRuntime,
): Promise<ModuleMetrics | undefined> {
  if (metrics === undefined) return undefined;
  try {
    const { registerMetric, getSingleMetric } = Object(metrics) as Readonly<Record<string, unknown>>;
    if (typeof registerMetric !== 'function' || typeof getSingleMetric !== 'function')
      throw new SocketConfigurationError([
        `metrics: must be a Registry of prom-client; it is ${kindOf(metrics)}`,
      ]);
    const { startMetrics } = await import('./metrics/start-metrics.js');
    return await startMetrics(metrics, runtime);
  } catch (error) {
    // Nest calls no hook of an application that it could not create.
    await Promise.allSettled([runtime.close()]);
    throw error;
  }
}
