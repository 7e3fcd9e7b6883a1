import type { Clock } from '../../ports/clock.js';
import { messageOf, SocketConfigurationError, SocketUnavailableError } from '../../ports/errors.js';
import type { SocketLogger } from '../../ports/logger.js';
import type { DeliveryHealth } from '../../ports/socket-client.js';
import type { DeliveryConfig, RedisConfig } from '../../ports/socket-config.js';
import { describeRelay, type Relay } from '../../ports/relay.js';
import type { DeliveryListener, RelayDelivery } from '../../relays/relay-delivery.js';
import { NotTakenIn, RelayQueue } from './relay-queue.js';
import { type Destination, RelayWorker } from './relay-worker.js';

/** What the configuration says as well; an address cannot be missing where that was read. */
const NO_ADDRESS = 'SOCKET_REDIS_URL: is required by SOCKET_DELIVERY=queue; like redis://host:6379';

/** How long {@link QueuedDelivery.close} waits for what the worker has under way. */
const CLOSE_MS = 5_000;

/**
 * By way of a queue in Redis: what was answered with `queued` is there, and survives this process and an outage of the
 * provider. Some process has to have a worker, this one or another.
 */
export class QueuedDelivery implements RelayDelivery {
  readonly takesDelays = true;
  /** What waits is in Redis, and {@link health} tells it. */
  readonly queued = 0;
  readonly #queue: RelayQueue;
  #worker: RelayWorker | undefined;

  constructor(
    private readonly destination: Destination,
    { address, prefix }: RedisConfig,
    config: DeliveryConfig,
    clock: Clock,
    listener: DeliveryListener,
    logger: SocketLogger,
  ) {
    if (address === undefined) throw new SocketConfigurationError([NO_ADDRESS]);
    this.#queue = new RelayQueue(address, prefix, config, (reason) => {
      logger.warn(`The queue's Redis cannot be reached: ${reason}`);
    });
    if (config.queueConcurrency > 0)
      this.#worker = new RelayWorker(this.#queue, destination, address, config, clock, listener, logger);
  }

  get retried(): number {
    return this.#worker?.retried ?? 0;
  }

  /** Resolves once Redis has it. Then it is always `queued`: who brings it to the provider may be another process. */
  async send(relay: Relay): Promise<'queued'> {
    try {
      await this.#queue.accept(relay);
      return 'queued';
    } catch (cause) {
      const lost = cause instanceof NotTakenIn ? cause.missed : relay.recipients;
      const reason = messageOf(cause);
      const { provider } = this.destination;
      const message = `The queue for the provider "${provider}" did not take ${describeRelay(relay)}: ${reason}`;
      throw new SocketUnavailableError(message, { provider, lost, cause });
    }
  }

  async health(): Promise<DeliveryHealth> {
    const { link, lanes, deadLetters } = this.#queue;
    const breaker = this.#worker?.breaker ?? 'closed';
    try {
      const [{ relays, bytes, since }, later, dead] = await link.use(() =>
        Promise.all([lanes.counts(), lanes.later(), deadLetters.count()]),
      );
      const oldestMs = since === undefined ? 0 : Math.max(0, Date.now() - since);
      return { waiting: relays, bytes, breaker, queue: { later, dead, oldestMs } };
    } catch (error) {
      return {
        waiting: null,
        bytes: null,
        breaker,
        problem: messageOf(error),
      };
    }
  }

  /** What the worker has under way is brought to an end, within {@link CLOSE_MS}; everything else stays where it is. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.close(CLOSE_MS);
  }

  async release(): Promise<void> {
    await this.close();
    await this.#queue.close();
  }
}
