import { missingPackage } from '../ports/missing-package.js';
import type { SocketConfig } from '../ports/socket-config.js';
import type { DeliveryFactory } from '../relays/relay-delivery.js';

/**
 * Loads the delivery that the configuration names, and nothing of the others; `undefined` where each relay is attempted
 * once.
 *
 * @param isRetried whether failed relays may be sent again, and the relays made behind them fail too
 * @throws MissingPackageError when a package that it needs is not installed
 */
export async function loadDelivery(
  config: SocketConfig,
  isRetried: boolean,
): Promise<DeliveryFactory | undefined> {
  const { provider, delivery, redis } = config;
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
