import type { SocketAdapter } from '../adapters/adapter.js';
import { SocketConfigurationError } from '../ports/errors.js';
import type { SocketLogger } from '../ports/logger.js';
import type { SocketConfig } from '../ports/socket-config.js';
import { type SharedLog, type StartedProvider, startProvider } from './provider.js';

/**
 * Starts the gateways beside that of a provider. They are on its engine, so the clients of all of them meet in its channels. This
 * file is loaded only where there are some.
 *
 * @param providers the started providers; the gateways are on the engine of the first one that has a gateway
 * @throws MissingPackageError when a package that they need is not installed
 * @throws SocketConfigurationError when no provider has a gateway
 */
export async function startSideGateways(
  providers: readonly StartedProvider[],
  adapters: readonly SocketAdapter[],
  config: SocketConfig,
  logger: SocketLogger,
  memoryLog: SharedLog,
): Promise<readonly StartedProvider[]> {
  const host = providers.find(({ adapter }) => adapter.capabilities?.hasGateway === true);
  if (host?.engine === undefined)
    throw new SocketConfigurationError(['gateways: no provider has a gateway that others could be beside']);
  const { engine, channelEvents } = host;
  const gateways: StartedProvider[] = [];
  for (const adapter of adapters)
    gateways.push(await startProvider(adapter, config, logger, memoryLog, { engine, channelEvents }));
  return gateways;
}
