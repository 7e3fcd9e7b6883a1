import { loadWith } from '../ports/missing-package.js';
import type { SocketConfig } from '../ports/socket-config.js';
import type { DeliveryFactory } from '../relays/relay-delivery.js';

/**
 * Loads the delivery that the configuration names, and not the others; `undefined` where each relay is attempted once.
 *
 * @param isRetried whether failed relays may be sent again, because later relays to the same recipient fail with them
 * @throws MissingPackageError when a package that it needs is not installed
 */
export async function loadDelivery(
  config: SocketConfig,
  isRetried: boolean,
): Promise<DeliveryFactory | undefined> {
  if (config.delivery.mode === 'queue') {
    const { QueuedDelivery } = await loadQueue();
    return (parts) => new QueuedDelivery(config, isRetried, parts);
  }
  if (!isRetried) return undefined;
  const { RetryingDelivery } = await import('./retry/retrying-delivery.js');
  return (parts) => new RetryingDelivery(config, parts);
}

/**
 * Loads the queue.
 *
 * @throws MissingPackageError when `bullmq` or `ioredis` is not installed
 */
export function loadQueue() {
  return loadWith(['bullmq', 'ioredis'], 'delivery', 'queue', () => import('./queue/index.js'));
}
