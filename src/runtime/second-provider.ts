import type { SocketAdapter } from '../adapters/adapter.js';
import type { PairedProvider } from '../delivery/pair/best-effort-sender.js';
import type { ProviderPair } from '../delivery/pair/provider-pair.js';
import type { SocketLogger } from '../ports/logger.js';
import type { SocketConfig } from '../ports/socket-config.js';
import { type SharedLog, type StartedProvider, startProvider } from './provider.js';

/** The second of two providers, and the port over both. This file is loaded only where there are two. */
export interface SecondProvider {
  readonly provider: StartedProvider;
  readonly pair: ProviderPair;
}

/**
 * Starts the second provider, and makes the port over both.
 *
 * @throws MissingPackageError when a package that it needs is not installed
 */
export async function startSecondProvider(
  primary: StartedProvider,
  adapter: SocketAdapter,
  config: SocketConfig,
  logger: SocketLogger,
  memoryLog: SharedLog,
): Promise<SecondProvider> {
  const role = config.second?.role;
  const { mode, retryDeadlineMs } = config.delivery;
  const isRetried = primary.adapter.capabilities?.isRetried === true && retryDeadlineMs > 0;
  // In a failover both providers retry, or neither does. A mirror's copies are never retried.
  const ownDeadlineMs = isRetried && role === 'failover' ? retryDeadlineMs : 0;
  const ownConfig = {
    ...config,
    provider: adapter.name,
    delivery: { ...config.delivery, retryDeadlineMs: ownDeadlineMs },
  };
  const provider = await startProvider(adapter, ownConfig, logger, memoryLog);
  const parts = {
    primary: paired(primary),
    secondary: paired(provider),
    config,
    clock: primary.clock,
    logger,
    // A queue may have another process send a failed relay again.
    isRetried: isRetried && mode === 'direct',
  };
  const pair =
    role === 'mirror'
      ? new (await import('../delivery/pair/mirror.js')).Mirror(parts)
      : new (await import('../delivery/pair/failover.js')).Failover(parts);
  return { provider, pair };
}

/**
 * The configuration of the delivery in front of the pair. In a failover it has no circuit breaker: the secondary takes over
 * from a failing primary, so relays need not wait.
 */
export function configAbovePair(config: SocketConfig): SocketConfig {
  if (config.second?.role === 'mirror') return config;
  return { ...config, delivery: { ...config.delivery, breakerFailures: 0 } };
}

function paired({ name, client, adapter }: StartedProvider): PairedProvider {
  return { provider: name, client, isLocal: adapter.capabilities?.isClustered === true };
}
