import type { Queue } from 'bullmq';
import { messageOf } from '../../ports/errors.js';
import type { DeliveryConfig, RedisAddress } from '../../ports/socket-config.js';
import { recipientKey, type Relay } from '../../ports/relay.js';
import { DeadLetters } from './dead-letters.js';
import { type QueuedRelay, RedisLanes } from './redis-lanes.js';
import { QueueLink, queuePrefix } from './queue-link.js';
import { writeRelay } from './stored-relay.js';

/** The names of BullMQ's queues: lines to be looked after, and dead letters. */
export const RELAYS = 'relays';
const DEAD_LETTERS = 'dead-letters';

/** The names of the jobs: look after a line, and have many lines looked after. */
export const LANE = 'line';
export const LANES = 'lines';

/** So many relays, to one member or channel each, go to Redis at a time. */
const CHUNK = 500;

/** So many lines get a job each at once; for more there is one job, whose worker makes theirs. */
const AT_ONCE = 20;

/** The queue as those see it who hand in: what is accepted is in Redis. Without a worker nothing of it moves. */
export class RelayQueue {
  /** What all of its keys begin with. */
  readonly prefix: string;
  readonly link: QueueLink;
  readonly lanes: RedisLanes;
  readonly deadLetters: DeadLetters;
  readonly #jobs: Queue;

  constructor(
    address: RedisAddress,
    prefix: string,
    bounds: Pick<DeliveryConfig, 'waitingRelays' | 'waitingBytes' | 'deadLetters'>,
    onProblem: (reason: string) => void,
  ) {
    this.prefix = queuePrefix(prefix);
    this.link = new QueueLink(address, this.prefix, () => this.lanes.introduce(), onProblem);
    this.lanes = new RedisLanes(this.link.client, this.prefix, bounds);
    this.#jobs = this.link.queue(RELAYS);
    const wake = (lanes: readonly string[]) => this.wake(lanes);
    this.deadLetters = new DeadLetters(this.link.queue(DEAD_LETTERS), this.lanes, wake, bounds.deadLetters);
  }

  /**
   * Takes in an order for everybody it is for, or for those whom the error does not name.
   *
   * @throws NotTakenIn
   */
  async accept(relay: Relay): Promise<void> {
    const to = [...new Set(relay.recipients)];
    const chunks: string[][] = [];
    for (let start = 0; start < to.length; start += CHUNK) chunks.push(to.slice(start, start + CHUNK));
    const { delayMs = 0 } = relay;
    // As if it were called for then: its deadline, too, begins with its time.
    const at = Date.now() + delayMs;
    // Nothing of this waits for anything: two orders come to Redis in the order of the calls.
    const answers = chunks.map((chunk) => {
      const relays = chunk.map((one) => ({
        lane: recipientKey(relay, one),
        text: writeRelay(relay, one, at),
      }));
      return this.link.use(() => (delayMs > 0 ? this.lanes.keep(relays, at) : this.#put(relays)));
    });
    const settled = await Promise.allSettled(answers);
    const missed: string[] = [];
    let reason: unknown;
    settled.forEach((answer, index) => {
      const isFull = answer.status === 'fulfilled' && answer.value !== undefined;
      if (answer.status === 'fulfilled' && !isFull) return;
      missed.push(...(chunks[index] ?? []));
      reason = isFull ? new Error(`the queue is full: ${answer.value}`) : Reflect.get(answer, 'reason');
    });
    if (missed.length > 0) throw new NotTakenIn(missed, reason);
  }

  /** @returns why there is no room */
  async #put(relays: readonly QueuedRelay[]): Promise<string | undefined> {
    const full = await this.lanes.push(relays);
    // Not before it is in, or a worker may find nothing. And what is in is safe: a line that was forgotten is found again.
    if (full === undefined) await this.wake(relays.map(({ lane }) => lane)).catch(() => undefined);
    return full;
  }

  /** Has workers look after lines, unless one is going to. */
  async wake(lanes: readonly string[]): Promise<void> {
    if (lanes.length <= AT_ONCE) await this.wakeEach(lanes);
    else await this.#jobs.add(LANES, { lanes }, { backoff: { type: 'custom' } });
  }

  /** The same for any number, a few at a time: neither Redis nor this process is held up for long. */
  async wakeEach(lanes: readonly string[]): Promise<void> {
    for (let start = 0; start < lanes.length; start += AT_ONCE) {
      await this.#jobs.addBulk(
        lanes.slice(start, start + AT_ONCE).map((lane) => ({
          name: LANE,
          data: { lane },
          // One at work and one that waits, so that no line is looked after twice at a time, or forgotten by one about to end.
          opts: { deduplication: { id: lane, keepLastIfActive: true }, backoff: { type: 'custom' } },
        })),
      );
    }
  }

  close(): Promise<void> {
    return this.link.close();
  }
}

/** The queue did not take in an order for these. The message says why. */
export class NotTakenIn extends Error {
  constructor(
    readonly missed: readonly string[],
    cause: unknown,
  ) {
    super(messageOf(cause), { cause });
  }
}
