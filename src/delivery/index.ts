import { SocketConfigurationError } from '../ports/errors.js';
import { loadWith } from '../ports/missing-package.js';
import type { SocketConfig } from '../ports/socket-config.js';
import type { DeliveryFactory } from '../relays/relay-delivery.js';

/** The check of the configuration says the same earlier. */
const NO_ADDRESS = 'SOCKET_REDIS_URL: is required by SOCKET_DELIVERY=queue; like redis://host:6379';

/**
 * Loads the delivery that the configuration names, and not the others; `undefined` where each relay is attempted once.
 *
 * @param isRetried whether failed relays may be sent again, because later relays to the same recipient fail with them
 * @throws MissingPackageError when a package that it needs is not installed
 * @throws SocketConfigurationError when the queue has no address of Redis
 */
export async function loadDelivery(
  config: SocketConfig,
  isRetried: boolean,
): Promise<DeliveryFactory | undefined> {
  if (config.delivery.mode === 'queue') {
    const { QueuedDelivery, RecognizedQueue } = await loadQueue();
    const { address } = config.redis;
    if (address === undefined) throw new SocketConfigurationError([NO_ADDRESS]);
    return (parts) =>
      new RecognizedQueue(
        config.provider,
        address,
        parts,
        (known) => new QueuedDelivery(config, known, isRetried, parts),
      );
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
