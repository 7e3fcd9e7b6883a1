import type { Job, Queue } from 'bullmq';
import * as v from 'valibot';
import type { RedisLanes } from './redis-lanes.js';
import { recipientKey } from '../../ports/relay.js';
import { readRelay, relayId, writeRelay } from './stored-relay.js';

/** A relay to one member or channel that failed for good. */
export interface DeadLetter {
  /** What `resend` and `remove` know it by. */
  readonly key: string;
  /** The message id, as in the receipt and in the logs. */
  readonly id: string;
  /** Whom it was for, like `member 7` or `channel orders`. */
  readonly lane: string;
  /** The event's name; for a disconnect there is none. */
  readonly event: string | undefined;
  /** The payload's JSON text. */
  readonly payload: string | undefined;
  readonly reason: string;
  /** When it was accepted, and when it was given up. */
  readonly acceptedAt: Date | undefined;
  readonly diedAt: Date;
}

const data = v.object({ lane: v.string(), text: v.string(), reason: v.string() });

/** So many are looked at, or pushed out, at a time. */
const PAGE = 500;

/** What failed for good: kept in Redis until it is sent again, removed, or pushed out by what is newer. */
export class DeadLetters {
  /**
   * @param queue BullMQ's, whose jobs nobody works on
   * @param wake has a worker look after these lines
   * @param maximum how many are kept; 0 keeps any number
   */
  constructor(
    private readonly queue: Queue,
    private readonly lanes: RedisLanes,
    private readonly wake: (lanes: readonly string[]) => Promise<unknown>,
    private readonly maximum: number,
  ) {}

  /**
   * Keeps one. One that is there already, because a worker died before it said so, is kept once.
   *
   * @returns how many of the oldest had to go for it
   */
  async add(lane: string, text: string, reason: string): Promise<number> {
    // One word, to be typed; and BullMQ's own ids have no colon in them. One that was sent again, and dies again while the
    // first one is still there, is another one.
    const at = readRelay(text)?.at ?? 0;
    const jobId = `${relayId(text)}@${lane.replace(' ', '/').replaceAll(':', ';')}@${at.toString(36)}`;
    await this.queue.add('dead', { lane, text, reason }, { jobId });
    if (this.maximum === 0) return 0;
    const excess = (await this.queue.getWaitingCount()) - this.maximum;
    if (excess <= 0) return 0;
    const oldest = await this.queue.getWaiting(0, Math.min(excess, PAGE) - 1);
    await Promise.all(oldest.map((job) => job.remove()));
    return oldest.length;
  }

  count(): Promise<number> {
    return this.queue.getWaitingCount();
  }

  /** The keys of all there are now, the oldest first. */
  keys(): Promise<string[]> {
    return this.queue.getRanges(['wait'], 0, -1, true);
  }

  /** All there are now, the oldest first, but for those that are gone before they are looked at. */
  async *all(): AsyncGenerator<DeadLetter> {
    const keys = await this.keys();
    for (let start = 0; start < keys.length; start += PAGE) {
      const jobs = await Promise.all(keys.slice(start, start + PAGE).map((key) => this.queue.getJob(key)));
      for (const job of jobs) if (job !== undefined) yield describe(job);
    }
  }

  /**
   * Sends one again: at the end of its line, and with all the time that a new one has.
   *
   * @returns whether there is such a one
   * @throws Error when it cannot be read, or there is no room
   */
  async resend(key: string): Promise<boolean> {
    const job = await this.queue.getJob(key);
    if (job === undefined) return false;
    const { text } = v.parse(data, job.data);
    const relay = readRelay(text);
    if (relay === undefined)
      throw new Error(`${key} was written by another version, which can send it again`);
    const [to = ''] = relay.relay.recipients;
    const lane = recipientKey(relay.relay, to);
    const full = await this.lanes.push([{ lane, text: writeRelay(relay.relay, to, Date.now()) }]);
    if (full !== undefined) throw new Error(`${key} was not sent again: ${full}`);
    await job.remove();
    await this.wake([lane]);
    return true;
  }

  /** @returns whether there was such a one */
  async remove(key: string): Promise<boolean> {
    const job = await this.queue.getJob(key);
    await job?.remove();
    return job !== undefined;
  }
}

function describe(job: Job): DeadLetter {
  const { lane, text, reason } = v.parse(data, job.data);
  const relay = readRelay(text);
  return {
    key: String(job.id),
    id: relayId(text),
    lane,
    event: relay?.relay.event,
    payload: relay?.relay.payload?.json,
    reason,
    acceptedAt: relay === undefined ? undefined : new Date(relay.at),
    diedAt: new Date(job.timestamp),
  };
}
