import pRetry from 'p-retry';
import { type Clock, within } from '../../ports/clock.js';
import { messageOf } from '../../ports/errors.js';
import type { SocketLogger } from '../../ports/logger.js';
import { unavailable } from '../../ports/losses.js';
import type { Relay } from '../../ports/relay.js';
import type { DeliveryHealth } from '../../ports/socket-client.js';
import type { RedisAddress } from '../../ports/socket-config.js';
import type { DeliveryParts, RelayDelivery } from '../../relays/relay-delivery.js';
import { ANSWER_TIMEOUT_MS } from './queue-link.js';
import type { QueuedDelivery } from './queued-delivery.js';
import { recognizeCluster } from './recognize-cluster.js';

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 1_000;

/**
 * The queue in a Redis that has to say first whether it is a Redis Cluster: the clients for the two are not the same. It is asked
 * by the first call, or by {@link open}. Callers wait for the answer a moment, and are then refused until it is there.
 */
export class RecognizedQueue implements RelayDelivery {
  readonly handlesDelays = true;
  readonly queued = 0;
  readonly #provider: string;
  readonly #address: RedisAddress;
  readonly #clock: Clock;
  readonly #logger: SocketLogger;
  readonly #make: (address: RedisAddress) => QueuedDelivery;
  readonly #closing = new AbortController();
  #delivery: QueuedDelivery | undefined;
  /** For callers, who go on in the order they came. Absent while nobody asks. */
  #recognized: Promise<QueuedDelivery> | undefined;
  /** Settled once nobody asks any more. Never rejects. */
  #asking: Promise<unknown> = Promise.resolve();
  #problem = 'no answer yet';
  #uses = 0;
  #isOpen = false;
  #isDraining = false;

  /** @param make makes the queue at an address of which the kind is known */
  constructor(
    provider: string,
    address: RedisAddress,
    { clock, logger }: Pick<DeliveryParts, 'clock' | 'logger'>,
    make: (address: RedisAddress) => QueuedDelivery,
  ) {
    this.#provider = provider;
    this.#address = address;
    this.#clock = clock;
    this.#logger = logger;
    this.#make = make;
  }

  open(): void {
    if (this.#closing.signal.aborted) return;
    this.#isOpen = true;
    this.#delivery?.open();
    this.#recognized ??= this.#recognize();
  }

  get retried(): number {
    return this.#delivery?.retried ?? 0;
  }

  async send(relay: Relay): Promise<'queued'> {
    return this.#use(
      (delivery) => delivery.send(relay),
      (cause) => {
        throw unavailable(this.#provider, relay, messageOf(cause), { cause });
      },
    );
  }

  health(): Promise<DeliveryHealth> {
    return this.#use(
      (delivery) => delivery.health(),
      (cause) => ({ waiting: null, bytes: null, breaker: 'closed', problem: messageOf(cause) }),
    );
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    await this.#delivery?.drain();
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the queue is closed'));
    await this.#asking;
    await this.#delivery?.close();
  }

  async #use<T>(work: (delivery: QueuedDelivery) => Promise<T>, refused: (cause: unknown) => T): Promise<T> {
    let delivery: QueuedDelivery;
    this.#uses++;
    try {
      delivery = await (this.#recognized ??= this.#recognize());
    } catch (cause) {
      return refused(cause);
    } finally {
      this.#uses--;
    }
    return work(delivery);
  }

  #recognize(): Promise<QueuedDelivery> {
    const made = this.#ask();
    let isLate = false;
    const refuse = (): never => {
      isLate = true;
      throw new Error(`the queue cannot be reached: ${this.#problem}`);
    };
    this.#asking = made.then(
      () => {
        // All that had waited were refused then, so later callers overtake nobody.
        if (isLate) this.#recognized = made;
      },
      () => {
        // The next call asks again.
        this.#recognized = undefined;
      },
    );
    const inTime = within(this.#clock, ANSWER_TIMEOUT_MS, made, refuse);
    inTime.catch(() => undefined);
    return inTime;
  }

  /** Asks until there is an answer, or until nobody needs it any more. */
  async #ask(): Promise<QueuedDelivery> {
    const { signal } = this.#closing;
    const known = await pRetry(() => recognizeCluster(this.#address), {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: FIRST_RETRY_MS,
      maxTimeout: LAST_RETRY_MS,
      randomize: true,
      signal,
      shouldRetry: () => this.#isOpen || this.#uses > 0,
      onFailedAttempt: ({ error: { message } }) => {
        if (message !== this.#problem) this.#logger.warn(`The queue's Redis cannot be reached: ${message}`);
        this.#problem = message;
      },
    });
    signal.throwIfAborted();
    const delivery = this.#make(known);
    this.#delivery = delivery;
    if (this.#isDraining) await delivery.drain();
    else if (this.#isOpen) delivery.open();
    return delivery;
  }
}
