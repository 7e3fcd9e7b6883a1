import type { Job, Queue } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import * as v from 'valibot';
import type { Clock } from '../../ports/clock.js';
import { recipientKey } from '../../ports/relay.js';
import { run, script } from '../../redis/redis-scripts.js';
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

/** So many are read or removed at a time. */
const PAGE = 500;

/**
 * Removes the oldest dead letters where there are too many. KEYS: the list of all. ARGV: the maximum, how many to remove at most,
 * and the beginning of a letter's key. Answers how many were removed. BullMQ's own way looks for a job in every state.
 */
const TRIM = script(`
local excess = math.min(redis.call('LLEN', KEYS[1]) - ARGV[1], tonumber(ARGV[2]))
for _ = 1, excess do
  local key = ARGV[3] .. redis.call('RPOP', KEYS[1])
  redis.call('DEL', key, key .. ':logs')
end
return math.max(excess, 0)
`);

/**
 * Removes dead letters. KEYS: the list of all, and each letter's key. ARGV: their names in the list. Answers the names that are
 * not there. The oldest are at the end of the list, where Redis begins to look.
 */
const REMOVE = script(`
local missing = {}
for index, name in ipairs(ARGV) do
  local key = KEYS[index + 1]
  if redis.call('EXISTS', key) == 1 and redis.call('LREM', KEYS[1], -1, name) == 1 then
    redis.call('DEL', key, key .. ':logs')
  else
    missing[#missing + 1] = name
  end
end
return missing
`);

const names = v.array(v.string());

/** Relays that failed for good, kept in Redis until they are sent again, removed, or make room for newer ones. */
export class DeadLetters {
  readonly #queue: () => Queue;
  readonly #client: Redis | Cluster;
  readonly #lanes: RedisLanes;
  readonly #clock: Clock;
  readonly #wake: (lanes: readonly string[]) => Promise<unknown>;
  readonly #maximum: number;

  /**
   * @param queue a queue of BullMQ whose jobs have no worker
   * @param client a connection to its Redis
   * @param wake has workers work on these lanes
   * @param maximum how many are kept; 0 keeps any number
   */
  constructor(
    queue: () => Queue,
    client: Redis | Cluster,
    lanes: RedisLanes,
    clock: Clock,
    wake: (lanes: readonly string[]) => Promise<unknown>,
    maximum: number,
  ) {
    this.#queue = queue;
    this.#client = client;
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
    await this.#queue().add('dead', { line: lane, text, reason }, { jobId });
    if (this.#maximum === 0) return 0;
    const values = [this.#maximum, PAGE, this.#queue().toKey('')];
    return v.parse(
      v.number(),
      await run({ client: this.#client }, TRIM, [this.#queue().toKey('wait')], values),
    );
  }

  count(): Promise<number> {
    return this.#queue().getWaitingCount();
  }

  /** The keys of all dead letters that were there at the call, the oldest first. They are read a few at a time. */
  async keys(): Promise<string[]> {
    // The newest are at the beginning of the list.
    const found = new Set<string>();
    for (let start = 0; ;) {
      // One key is read again.
      const page = await this.#client.lrange(this.#queue().toKey('wait'), start, start + PAGE);
      const known = page.findIndex((key) => found.has(key));
      if (start > 0 && known < 0) {
        // Letters were removed meanwhile, and those behind them have moved forward.
        start -= PAGE;
        continue;
      }
      for (const key of page.slice(Math.max(known, 0))) found.add(key);
      if (page.length <= PAGE) return [...found].reverse();
      start += PAGE;
    }
  }

  /** All dead letters, the oldest first. Those that are removed before they are read are left out. */
  async *all(): AsyncGenerator<DeadLetter> {
    const keys = await this.keys();
    for (let start = 0; start < keys.length; start += PAGE) {
      const jobs = await Promise.all(keys.slice(start, start + PAGE).map((key) => this.#queue().getJob(key)));
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
    const job = await this.#queue().getJob(key);
    if (job === undefined) return false;
    const stored = readRelay(v.parse(data, job.data).text);
    if (stored === undefined)
      throw new Error(`${key} was written by another version, which can send it again`);
    const refusal = await this.#lanes.push(stored.relay, this.#clock.time());
    if (refusal !== undefined) throw new Error(`${key} was not sent again: ${refusal}`);
    await this.remove([key]);
    await this.#wake(lanesOf(stored.relay));
    return true;
  }

  /** Removes dead letters, a few at a time. @returns the keys with which there are none */
  async remove(keys: readonly string[]): Promise<readonly string[]> {
    const missing: string[] = [];
    for (let start = 0; start < keys.length; start += PAGE) {
      const page = keys.slice(start, start + PAGE);
      const inRedis = [this.#queue().toKey('wait'), ...page.map((key) => this.#queue().toKey(key))];
      missing.push(...v.parse(names, await run({ client: this.#client }, REMOVE, inRedis, page)));
    }
    return missing;
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
