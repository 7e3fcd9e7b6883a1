import type { Queue } from 'bullmq';
import type { DeliveryConfig, RedisAddress } from '../../ports/socket-config.js';
import { lineOf, type Order } from '../order.js';
import { DeadLetters } from './dead-letters.js';
import { type LinedRelay, Lines } from './lines.js';
import { QueueLink, queuePrefix } from './queue-link.js';
import { writeRelay } from './stored-relay.js';

/** The names of BullMQ's queues: lines to be looked after, and dead letters. */
export const RELAYS = 'relays';
const DEAD_LETTERS = 'dead-letters';

/** The names of the jobs: look after a line, and take in relays whose time has come. */
export const LINE = 'line';
export const LATER = 'later';

/** So many relays, to one member or channel each, go to Redis at a time. */
const CHUNK = 500;

/** The queue as those see it who hand in: what is accepted is in Redis. Without a worker nothing of it moves. */
export class RelayQueue {
  /** What all of its keys begin with. */
  readonly prefix: string;
  readonly link: QueueLink;
  readonly lines: Lines;
  readonly deadLetters: DeadLetters;
  readonly #jobs: Queue;
  readonly #maximumLater: number;

  constructor(
    address: RedisAddress,
    prefix: string,
    bounds: Pick<DeliveryConfig, 'waitingRelays' | 'waitingBytes' | 'deadLetters'>,
    onProblem: (reason: string) => void,
  ) {
    this.prefix = queuePrefix(prefix);
    this.link = new QueueLink(address, this.prefix, onProblem);
    this.lines = new Lines(this.link.client, this.prefix, bounds);
    this.#jobs = this.link.queue(RELAYS);
    const wake = (lines: readonly string[]) => this.wake(lines);
    this.deadLetters = new DeadLetters(this.link.queue(DEAD_LETTERS), this.lines, wake, bounds.deadLetters);
    this.#maximumLater = bounds.waitingRelays;
  }

  /**
   * Takes in an order for everybody it is for, or for those whom the error does not name.
   *
   * @throws NotTakenIn
   */
  async accept(order: Order): Promise<void> {
    const to = [...new Set(order.to)];
    const chunks: string[][] = [];
    for (let start = 0; start < to.length; start += CHUNK) chunks.push(to.slice(start, start + CHUNK));
    const at = Date.now();
    const later = order.delayMs ?? 0;
    // Nothing of this waits for anything: two orders come to Redis in the order of the calls.
    const answers = chunks.map((chunk) => {
      const relays = chunk.map((one) => ({ line: lineOf(order, one), text: writeRelay(order, one, at) }));
      return this.link.use(() => (later > 0 ? this.#keep(relays, later) : this.put(relays)));
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

  /**
   * Puts relays into their lines.
   *
   * @returns why there is no room
   */
  async put(relays: readonly LinedRelay[]): Promise<string | undefined> {
    const isIn = this.lines.push(relays);
    // What is in its line is safe: a line that was forgotten is found again.
    const isAwake = this.wake(relays.map(({ line }) => line)).catch(() => undefined);
    const full = await isIn;
    await isAwake;
    return full;
  }

  /** Has a worker look after lines, unless one is going to. */
  async wake(lines: readonly string[]): Promise<void> {
    await this.#jobs.addBulk(
      lines.map((line) => ({
        name: LINE,
        data: { line },
        // One at work and one that waits, so that no line is looked after twice at a time, or forgotten by one about to end.
        opts: { deduplication: { id: line, keepLastIfActive: true }, backoff: { type: 'custom' } },
      })),
    );
  }

  /** How many jobs wait for their time. */
  later(): Promise<number> {
    return this.#jobs.getDelayedCount();
  }

  close(): Promise<void> {
    return this.link.close();
  }

  async #keep(relays: readonly LinedRelay[], delay: number): Promise<string | undefined> {
    const maximum = this.#maximumLater;
    const later = maximum === 0 ? 0 : await this.later();
    if (maximum > 0 && later >= maximum) return `${later} of ${maximum} wait for their time already`;
    await this.#jobs.add(LATER, { relays }, { delay, backoff: { type: 'custom' } });
    return undefined;
  }
}

/** The queue did not take in an order for these. The message says why. */
export class NotTakenIn extends Error {
  constructor(
    readonly missed: readonly string[],
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
