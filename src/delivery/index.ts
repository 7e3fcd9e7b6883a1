import type { Clock } from '../ports/clock.js';
import type { SocketLogger } from '../ports/logger.js';
import { missingPackage } from '../ports/missing-package.js';
import type { ISocketClient } from '../ports/socket-client.js';
import type { SocketConfig } from '../ports/socket-config.js';
import type { DeliveryListener, RelayDelivery } from '../relays/relay-delivery.js';

/** What a way of delivering needs besides its configuration. */
export interface DeliveryParts {
  readonly client: ISocketClient;
  readonly clock: Clock;
  readonly listener: DeliveryListener;
  readonly logger: SocketLogger;
}

/** Makes one way of delivering. */
export type DeliveryFactory = (parts: DeliveryParts) => RelayDelivery;

/**
 * Loads the way of delivering that the configuration names, and nothing of the others; `undefined` where each call is made
 * once, by whoever asks for it.
 *
 * @param isRetried whether calls of the port that fail may be made again, and those made behind them fail too
 * @throws MissingPackageError when a package that it needs is not installed
 */
export async function loadDelivery(
  config: SocketConfig,
  isRetried: boolean,
): Promise<DeliveryFactory | undefined> {
  const { provider, delivery, redis } = config;
  // The fake stays one process and loud, whatever the environment says of the real one.
  if (provider === 'memory') return undefined;
  if (delivery.mode === 'queue') {
    const { QueuedDelivery } = await loadQueue();
    return ({ client, clock, listener, logger }) =>
      new QueuedDelivery(
        { client, provider, keepsOrder: isRetried },
        redis,
        delivery,
        clock,
        listener,
        logger,
      );
  }
  if (!isRetried) return undefined;
  const { RetryingDelivery } = await import('./retry/retrying-delivery.js');
  return ({ client, clock, listener, logger }) =>
    new RetryingDelivery(client, provider, delivery, clock, listener, logger);
}

/**
 * Loads the queue.
 *
 * @throws MissingPackageError when `bullmq` or `ioredis` is not installed
 */
export async function loadQueue() {
  try {
    return await import('./queue/index.js');
  } catch (cause) {
    throw missingPackage('queue', ['bullmq', 'ioredis'], cause, 'delivery');
  }
}
