import type { AdapterParts, SocketAdapter } from '../adapters/adapter.js';
import { ChannelEngine } from '../channels/channel-engine.js';
import { ChannelEventSource } from '../channels/channel-event-source.js';
import { loadCluster } from '../cluster/index.js';
import { type Clock, systemClock } from '../ports/clock.js';
import type { SocketLogger } from '../ports/logger.js';
import { missingPackage } from '../ports/missing-package.js';
import type { SocketConfig } from '../ports/socket-config.js';

/** A started provider: its adapter, and the parts that the adapter made. */
export interface StartedProvider extends AdapterParts {
  readonly name: string;
  readonly adapter: SocketAdapter;
  readonly clock: Clock;
  readonly channelEvents: ChannelEventSource;
}

/**
 * Starts a provider. No code of other providers is loaded.
 *
 * @throws MissingPackageError when a package that it needs is not installed
 */
export async function startProvider(
  adapter: SocketAdapter,
  config: SocketConfig,
  logger: SocketLogger,
): Promise<StartedProvider> {
  const { name, packages = [], capabilities: { isClustered = false } = {} } = adapter;
  const joinCluster = await loadCluster(isClustered ? config.cluster : 'local');
  const channelEvents = new ChannelEventSource(logger);
  const createEngine = (clock = systemClock) =>
    new ChannelEngine(config, clock, logger, channelEvents, joinCluster(config, clock, logger));
  try {
    const context = { config, logger, clock: systemClock, channelEvents, createEngine };
    const parts = await adapter.create(context);
    return { clock: systemClock, ...parts, name, adapter, channelEvents };
  } catch (cause) {
    throw missingPackage(name, packages, cause);
  }
}
