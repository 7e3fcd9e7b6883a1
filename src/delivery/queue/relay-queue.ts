import type { Queue } from 'bullmq';
import type { Clock } from '../../ports/clock.js';
import { messageOf } from '../../ports/errors.js';
import type { Relay } from '../../ports/relay.js';
import type { DeliveryConfig, RedisAddress } from '../../ports/socket-config.js';
import { DeadLetters } from './dead-letters.js';
import { NotAddedError, Outbox } from './outbox.js';
import { QueueLink, queuePrefix } from './queue-link.js';
import { lanesOf, RedisLanes } from './redis-lanes.js';

/** The names of BullMQ's queues: jobs of lanes, and dead letters. */
export const RELAYS = 'relays';
const DEAD_LETTERS = 'dead-letters';

/** The names of the jobs: work on a lane, and wake many lanes. */
export const LANE = 'line';
export const LANES = 'lines';

/** So many recipients go to Redis in one command. */
const CHUNK = 500;

/** So many lanes get their jobs in one command. More lanes than that are one job, whose worker makes theirs. */
const WOKEN_AT_ONCE = 20;

/** The queue in Redis: it keeps every relay that it accepts. A {@link RelayWorker} brings them to the provider. */
export class RelayQueue {
  /** The beginning of all its keys. */
  readonly prefix: string;
  readonly link: QueueLink;
  readonly lanes: RedisLanes;
  readonly deadLetters: DeadLetters;
  readonly #clock: Clock;
  readonly #outbox: Outbox;
  readonly #jobs: () => Queue;

  /** @param onProblem told why Redis cannot be reached, once for each reason */
  constructor(
    address: RedisAddress,
    prefix: string,
    bounds: Pick<DeliveryConfig, 'waitingRelays' | 'waitingBytes' | 'deadLetters'>,
    clock: Clock,
    onProblem: (reason: string) => void,
  ) {
    this.prefix = queuePrefix(prefix);
    this.#clock = clock;
    this.link = new QueueLink(address, this.prefix, clock, () => this.lanes.counts(), onProblem);
    this.#outbox = new Outbox(this.link, this.prefix, clock);
    this.lanes = new RedisLanes(this.link.client, this.#outbox, this.prefix, bounds, clock);
    this.#jobs = this.link.queue(RELAYS);
    const wake = (lanes: readonly string[]) => this.wake(lanes);
    const letters = this.link.queue(DEAD_LETTERS);
    this.deadLetters = new DeadLetters(
      letters,
      this.link.client,
      this.lanes,
      clock,
      wake,
      bounds.deadLetters,
    );
  }

  /**
   * Accepts a relay for all its recipients, or for those that the error does not name.
   *
   * @throws NotQueuedError
   */
  async accept(relay: Relay): Promise<void> {
    const { recipients, delayMs = 0 } = relay;
    const chunks: (readonly string[])[] = [];
    for (let start = 0; start < recipients.length; start += CHUNK)
      chunks.push(recipients.slice(start, start + CHUNK));
    // The deadline of a delayed relay begins at the end of its delay.
    const at = this.#clock.time() + delayMs;
    // All of these begin within this call, so that two relays reach Redis in the order of their calls.
    const answers = chunks.map((chunk) => {
      const part = { ...relay, recipients: chunk };
      return delayMs > 0 ? this.lanes.keep(part, at) : this.#push(part, at);
    });
    const outcomes = await Promise.allSettled(answers);
    const lost: string[] = [];
    const uncertain: string[] = [];
    let reason: unknown;
    outcomes.forEach((outcome, index) => {
      if (outcome.status === 'fulfilled' && outcome.value === undefined) return;
      const chunk = chunks[index] ?? [];
      lost.push(...chunk);
      if (outcome.status === 'fulfilled') {
        reason = new Error(`the queue is full: ${outcome.value}`);
        return;
      }
      reason = outcome.reason;
      if (reason instanceof NotAddedError && reason.isUncertain) uncertain.push(...chunk);
    });
    if (lost.length > 0) throw new NotQueuedError(lost, uncertain, reason);
  }

  /** @returns why there is no room, or nothing where it was accepted */
  async #push(relay: Relay, at: number): Promise<string | undefined> {
    const refusal = await this.lanes.push(relay, at);
    if (refusal !== undefined) return refusal;
    const lanes = lanesOf(relay);
    // Not earlier, or a worker finds the lanes empty. The relay is safe, also if both fail: the sweeper finds its lanes.
    await this.wake(lanes).catch(() => {
      void this.link.use(() => this.wake(lanes)).catch(() => undefined);
    });
    return undefined;
  }

  /** Has workers work on these lanes, unless one is about to. */
  async wake(lanes: readonly string[]): Promise<void> {
    if (lanes.length <= WOKEN_AT_ONCE) await this.wakeEach(lanes);
    else await this.#jobs().add(LANES, { lines: lanes }, { backoff: { type: 'custom' } });
  }

  /** The same for any number of lanes, a few at a time: it occupies neither Redis nor this process for long. */
  async wakeEach(lanes: readonly string[]): Promise<void> {
    for (let start = 0; start < lanes.length; start += WOKEN_AT_ONCE) {
      await this.#jobs().addBulk(
        lanes.slice(start, start + WOKEN_AT_ONCE).map((lane) => ({
          name: LANE,
          data: { line: lane },
          // One active and one waiting job for a lane: no two workers at once, and a job that is about to end has a successor.
          opts: { deduplication: { id: lane, keepLastIfActive: true }, backoff: { type: 'custom' } },
        })),
      );
    }
  }

  async close(): Promise<void> {
    await this.link.close();
    this.#outbox.close();
  }
}

/** The queue did not accept a relay for these recipients. The message says why. */
export class NotQueuedError extends Error {
  readonly #lost: readonly string[];
  readonly #uncertain: readonly string[];

  constructor(lost: readonly string[], uncertain: readonly string[], cause: unknown) {
    super(messageOf(cause), { cause });
    this.#lost = lost;
    this.#uncertain = uncertain;
  }

  /** All of them. A log that shows the error does not list them. */
  get lost(): readonly string[] {
    return this.#lost;
  }

  /** Those of `lost` for whom the queue may have it all the same. */
  get uncertain(): readonly string[] {
    return this.#uncertain;
  }
}
