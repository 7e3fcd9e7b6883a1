import type { Clock } from '../../ports/clock.js';
import { messageOf } from '../../ports/errors.js';
import { unavailable } from '../../ports/losses.js';
import type { Relay } from '../../ports/relay.js';
import type { DeliveryHealth } from '../../ports/socket-client.js';
import type { RedisAddress, SocketConfig } from '../../ports/socket-config.js';
import type { DeliveryParts, RelayDelivery } from '../../relays/relay-delivery.js';
import { NotQueuedError, RelayQueue } from './relay-queue.js';
import { RelayWorker } from './relay-worker.js';

/** Milliseconds that {@link QueuedDelivery.drain} waits for the worker's attempts. */
const DRAIN_MS = 5_000;

/**
 * Relays by way of a queue in Redis. A relay that was answered with `queued` is there, and survives this process and an
 * outage of the provider. At least one process, this one or another, has to run a worker.
 */
export class QueuedDelivery implements RelayDelivery {
  readonly handlesDelays = true;
  /** Nothing waits in this process; {@link health} counts the relays in Redis. */
  readonly queued = 0;
  readonly #provider: string;
  readonly #clock: Clock;
  readonly #connect: () => RelayQueue;
  readonly #startWorker: (queue: RelayQueue) => RelayWorker | undefined;
  /** Connected to Redis. Until {@link open} it is there only while a call needs it. */
  #queue: RelayQueue | undefined;
  #uses = 0;
  #isOpen = false;
  #isClosed = false;
  #worker: RelayWorker | undefined;

  /**
   * @param address where Redis is, of which it is known whether it is a Redis Cluster
   * @param isRetried whether later relays to a recipient fail with a failed one, so that several can be under way
   */
  constructor(
    config: Pick<SocketConfig, 'provider' | 'delivery' | 'redis'>,
    address: RedisAddress,
    isRetried: boolean,
    parts: DeliveryParts,
  ) {
    const { provider, delivery, redis } = config;
    const { clock, logger } = parts;
    this.#provider = provider;
    this.#clock = clock;
    this.#connect = () =>
      new RelayQueue(address, redis.prefix, delivery, clock, (reason) => {
        logger.warn(`The queue's Redis cannot be reached: ${reason}`);
      });
    this.#startWorker = (queue) =>
      delivery.queueConcurrency > 0 ? new RelayWorker(queue, address, config, isRetried, parts) : undefined;
  }

  /** Connects, and starts the worker. */
  open(): void {
    if (this.#isOpen || this.#isClosed) return;
    this.#isOpen = true;
    this.#queue ??= this.#connect();
    this.#worker = this.#startWorker(this.#queue);
  }

  get retried(): number {
    return this.#worker?.retried ?? 0;
  }

  /**
   * Resolves once Redis has the relay, always with `queued`: another process may bring it to the provider.
   *
   * @throws SocketUnavailableError for recipients for whom the queue did not accept it
   */
  async send(relay: Relay): Promise<'queued'> {
    try {
      await this.#use((queue) => queue.accept(relay));
      return 'queued';
    } catch (cause) {
      const { lost, uncertain } =
        cause instanceof NotQueuedError ? cause : { lost: relay.recipients, uncertain: [] };
      throw unavailable(this.#provider, relay, messageOf(cause), { lost, uncertainLost: uncertain, cause });
    }
  }

  async health(): Promise<DeliveryHealth> {
    const breaker = this.#worker?.breaker ?? 'closed';
    try {
      const [{ relays, bytes, oldestAt }, later, dead] = await this.#use(({ link, lanes, deadLetters }) =>
        link.use(() => Promise.all([lanes.counts(), lanes.delayed(), deadLetters.count()])),
      );
      const oldestMs = oldestAt === undefined ? 0 : Math.max(0, this.#clock.time() - oldestAt);
      return { waiting: relays, bytes, breaker, queue: { later, dead, oldestMs } };
    } catch (error) {
      return { waiting: null, bytes: null, breaker, problem: messageOf(error) };
    }
  }

  /** Ends the worker's attempts within {@link DRAIN_MS}. All other relays stay in the queue, which still takes new ones. */
  async drain(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.close(DRAIN_MS);
  }

  async close(): Promise<void> {
    await this.drain();
    this.#isClosed = true;
    await this.#disconnect();
  }

  /** The work begins within this call. */
  async #use<T>(work: (queue: RelayQueue) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new Error('the queue is closed');
    this.#queue ??= this.#connect();
    this.#uses++;
    try {
      return await work(this.#queue);
    } finally {
      this.#uses--;
      if (this.#uses === 0 && !this.#isOpen) void this.#disconnect();
    }
  }

  async #disconnect(): Promise<void> {
    const queue = this.#queue;
    this.#queue = undefined;
    await queue?.close();
  }
}
