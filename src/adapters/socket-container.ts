import { Container } from 'inversify';
import { ChannelEventSource } from '../channels/channel-event-source.js';
import { loadCluster } from '../cluster/index.js';
import { LOGGER, oneLineLogger, type SocketLogger } from '../ports/logger.js';
import { SOCKET_CONFIG, type SocketConfig } from '../ports/socket-config.js';
import type { SocketAdapter } from './adapter.js';

/**
 * Composes the inside: one inversify container for the chosen adapter and nothing else. `container.get(SOCKET_CLIENT)` is
 * the port. Nest is not needed for it, so a worker or a command-line tool can relay too.
 *
 * @throws MissingPackageError when a package that the configuration asks for is not installed
 */
export async function createSocketContainer(
  config: SocketConfig,
  adapter: SocketAdapter,
  logger: SocketLogger,
): Promise<Container> {
  const container = new Container();
  container.bind(SOCKET_CONFIG).toConstantValue(config);
  container.bind(LOGGER).toConstantValue(oneLineLogger(logger));
  container.bind(ChannelEventSource).toSelf().inSingletonScope();
  if (adapter.isClustered) await container.load(await loadCluster(config.cluster));
  await container.load(adapter.module);
  return container;
}
