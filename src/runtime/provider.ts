import type { AdapterParts, SocketAdapter } from '../adapters/adapter.js';
import type { ChannelEngine } from '../channels/channel-engine.js';
import { ChannelEventSource } from '../channels/channel-event-source.js';
import { loadCluster, loadEventLog } from '../cluster/index.js';
import { MemoryLog } from '../history/memory-log.js';
import { type Clock, systemClock } from '../ports/clock.js';
import { SocketConfigurationError } from '../ports/errors.js';
import type { SocketLogger } from '../ports/logger.js';
import { loadWith } from '../ports/missing-package.js';
import type { SocketConfig } from '../ports/socket-config.js';

/** A started provider: its adapter, and the parts that the adapter made. */
export interface StartedProvider extends AdapterParts {
  readonly name: string;
  readonly adapter: SocketAdapter;
  readonly clock: Clock;
  readonly channelEvents: ChannelEventSource;
  /** Connects to the cluster, until the client is closed. */
  open(): void;
}

/** A provider whose engine a gateway of another kind is on too. */
export type GatewayHost = Required<Pick<StartedProvider, 'engine' | 'channelEvents'>>;

/** Makes the log in memory that all providers of one process share: on the clock of the first that asks. */
export type SharedLog = (clock: Clock) => MemoryLog;

/** @see SharedLog */
export function sharedLog(config: SocketConfig): SharedLog {
  let log: MemoryLog | undefined;
  return (clock) => (log ??= new MemoryLog(config, clock));
}

/**
 * Starts a provider. No code of other providers is loaded.
 *
 * @param memoryLog the history of a process without Redis @default one of its own
 * @param host the provider that it is a gateway beside @default undefined, it has an engine of its own
 * @throws MissingPackageError when a package that it needs is not installed
 * @throws SocketConfigurationError when its adapter makes no client
 */
export async function startProvider(
  adapter: SocketAdapter,
  config: SocketConfig,
  logger: SocketLogger,
  memoryLog: SharedLog = sharedLog(config),
  host?: GatewayHost,
): Promise<StartedProvider> {
  const { name, packages = [] } = adapter;
  const channelEvents = host?.channelEvents ?? new ChannelEventSource(logger);
  const engines: ChannelEngine[] = [];
  const createEngine = async (clock = systemClock) => {
    if (host !== undefined) return host.engine;
    const isClustered = adapter.capabilities?.isClustered === true;
    const joinCluster = await loadCluster(isClustered ? config.cluster : 'local');
    const { ChannelEngine } = await import('../channels/channel-engine.js');
    const engine = new ChannelEngine(
      config,
      clock,
      logger,
      channelEvents,
      joinCluster(config, clock, logger, memoryLog(clock)),
    );
    engines.push(engine);
    return engine;
  };
  try {
    const createLog = () => loadEventLog(config, systemClock, logger, memoryLog(systemClock));
    const context = { config, logger, clock: systemClock, channelEvents, createEngine, createLog };
    const parts = checked(name, await loadWith(packages, 'provider', name, () => adapter.create(context)));
    const open = () => {
      for (const engine of engines) engine.connectCluster();
      parts.history?.open();
    };
    return { clock: systemClock, ...parts, name, adapter, channelEvents, open };
  } catch (cause) {
    await Promise.allSettled(engines.map((engine) => engine.close()));
    throw cause;
  }
}

/** An adapter from outside may be JavaScript, which no compiler has checked. */
function checked(name: string, parts: AdapterParts): AdapterParts {
  const { client } = Object(parts) as { readonly client?: unknown };
  if (typeof client === 'object' && client !== null && 'send' in client) return parts;
  throw new SocketConfigurationError([
    `adapters: create() of "${name}" must return { client } with a method send(relay): extend RelayClient`,
  ]);
}
