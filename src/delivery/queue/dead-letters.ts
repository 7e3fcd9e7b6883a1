import type { Job, Queue } from 'bullmq';
import * as v from 'valibot';
import type { Clock } from '../../ports/clock.js';
import { recipientKey } from '../../ports/relay.js';
import { lanesOf, type RedisLanes } from './redis-lanes.js';
import { readRelay, relayId } from './stored-relay.js';

/** A relay to one member or channel that failed for good. */
export interface DeadLetter {
  /** Its name for {@link DeadLetters.resend} and {@link DeadLetters.remove}. */
  readonly key: string;
  /** The message id, as in the receipt and in the logs. */
  readonly id: string;
  /** The lane that it was in, like `member 7` or `channel orders`. The member's id is not escaped here. */
  readonly lane: string;
  /** The event's name; `undefined` on a disconnect. */
  readonly event: string | undefined;
  /** The payload's JSON text. */
  readonly payload: string | undefined;
  readonly reason: string;
  /** When the relay was accepted, or its delay ended; `undefined` where it cannot be read. */
  readonly acceptedAt: Date | undefined;
  /** When it was given up. */
  readonly diedAt: Date;
}

/** The data of a letter, by their names in Redis: another version reads them too. */
const data = v.object({ line: v.string(), text: v.string(), reason: v.string() });

/** So many are read, or removed for newer ones, at a time. */
const PAGE = 500;

/** Relays that failed for good, kept in Redis until they are sent again, removed, or make room for newer ones. */
export class DeadLetters {
  readonly #queue: Queue;
  readonly #lanes: RedisLanes;
  readonly #clock: Clock;
  readonly #wake: (lanes: readonly string[]) => Promise<unknown>;
  readonly #maximum: number;

  /**
   * @param queue a queue of BullMQ whose jobs have no worker
   * @param wake has workers work on these lanes
   * @param maximum how many are kept; 0 keeps any number
   */
  constructor(
    queue: Queue,
    lanes: RedisLanes,
    clock: Clock,
    wake: (lanes: readonly string[]) => Promise<unknown>,
    maximum: number,
  ) {
    this.#queue = queue;
    this.#lanes = lanes;
    this.#clock = clock;
    this.#wake = wake;
    this.#maximum = maximum;
  }

  /**
   * Keeps a dead letter, once: a worker that died in between keeps it again.
   *
   * @param text the relay, as it is in its lane
   * @returns how many of the oldest were removed for it
   */
  async add(lane: string, text: string, reason: string): Promise<number> {
    // One word that can be typed, without the colon that BullMQ keeps for its own ids. A relay that was sent again, and dies
    // while its first letter is still there, is another letter: hence the time.
    const at = readRelay(text)?.at ?? 0;
    const jobId = `${relayId(text)}@${lane.replace(' ', '/').replaceAll(':', ';')}@${at.toString(36)}`;
    await this.#queue.add('dead', { line: lane, text, reason }, { jobId });
    if (this.#maximum === 0) return 0;
    const excess = (await this.#queue.getWaitingCount()) - this.#maximum;
    if (excess <= 0) return 0;
    const oldest = await this.#queue.getWaiting(0, Math.min(excess, PAGE) - 1);
    await Promise.all(oldest.map((job) => job.remove()));
    return oldest.length;
  }

  count(): Promise<number> {
    return this.#queue.getWaitingCount();
  }

  /** The keys of all dead letters, the oldest first. */
  keys(): Promise<string[]> {
    return this.#queue.getRanges(['wait'], 0, -1, true);
  }

  /** All dead letters, the oldest first. Those that are removed before they are read are left out. */
  async *all(): AsyncGenerator<DeadLetter> {
    const keys = await this.keys();
    for (let start = 0; start < keys.length; start += PAGE) {
      const jobs = await Promise.all(keys.slice(start, start + PAGE).map((key) => this.#queue.getJob(key)));
      for (const job of jobs) if (job !== undefined) yield describe(job);
    }
  }

  /**
   * Sends a dead letter again: at the end of its lane, and with a new deadline.
   *
   * @returns whether there is a dead letter with this key
   * @throws Error when it cannot be read, or the queue is full
   */
  async resend(key: string): Promise<boolean> {
    const job = await this.#queue.getJob(key);
    if (job === undefined) return false;
    const stored = readRelay(v.parse(data, job.data).text);
    if (stored === undefined)
      throw new Error(`${key} was written by another version, which can send it again`);
    const refusal = await this.#lanes.push(stored.relay, this.#clock.time());
    if (refusal !== undefined) throw new Error(`${key} was not sent again: ${refusal}`);
    await job.remove();
    await this.#wake(lanesOf(stored.relay));
    return true;
  }

  /** Removes a dead letter. @returns whether there was one with this key */
  async remove(key: string): Promise<boolean> {
    const job = await this.#queue.getJob(key);
    await job?.remove();
    return job !== undefined;
  }
}

function describe(job: Job): DeadLetter {
  const { line: lane, text, reason } = v.parse(data, job.data);
  const stored = readRelay(text);
  return {
    key: String(job.id),
    id: relayId(text),
    lane: stored === undefined ? lane : recipientKey(stored.relay, stored.relay.recipients[0] ?? ''),
    event: stored?.relay.event,
    payload: stored?.relay.payload?.json,
    reason,
    acceptedAt: stored === undefined ? undefined : new Date(stored.at),
    diedAt: new Date(job.timestamp),
  };
}
