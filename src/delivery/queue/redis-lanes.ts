import type { Cluster, Redis } from 'ioredis';
import * as v from 'valibot';
import { run, script } from '../../redis/redis-scripts.js';
import { relayId } from './stored-relay.js';

/**
 * Puts relays into their lines. KEYS: counts, lines, and each relay's line. ARGV: relays that may wait, their bytes, now,
 * and the relays. Answers how many wait and their bytes, and whether these were taken in.
 */
const PUSH = script(`
local counts, lines = KEYS[1], KEYS[2]
local maximumRelays, maximumBytes, now = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local relays, bytes = #KEYS - 2, 0
if relays == 0 then return { 0, 0, 1 } end
for index = 1, relays do bytes = bytes + #ARGV[index + 3] end
local waiting = tonumber(redis.call('HGET', counts, 'relays') or 0)
local waitingBytes = tonumber(redis.call('HGET', counts, 'bytes') or 0)
if maximumRelays > 0 and waiting + relays > maximumRelays
  or maximumBytes > 0 and waitingBytes + bytes > maximumBytes then
  return { waiting, waitingBytes, 0 }
end
for index = 1, relays do
  redis.call('RPUSH', KEYS[index + 2], ARGV[index + 3])
  redis.call('ZADD', lines, 'NX', now, KEYS[index + 2])
end
redis.call('HINCRBY', counts, 'relays', relays)
redis.call('HINCRBY', counts, 'bytes', bytes)
return { waiting + relays, waitingBytes + bytes, 1 }
`);

/**
 * Takes relays from the beginning of a line. KEYS: counts, lines, the line, the lock of the job that looks after it. ARGV: whose
 * lock it has to be, and the relays' message ids. Answers whether it is.
 *
 * Only what is there is taken: who was slow, and whose work another one has done meanwhile, takes nothing that is new.
 */
const SETTLE = script(`
local counts, lines, line, lock = unpack(KEYS)
local relays, bytes = 0, 0
for index = 2, #ARGV do
  local id, first = ARGV[index], redis.call('LINDEX', line, 0)
  if first and string.sub(first, 1, #id + 1) == id .. ' ' then
    redis.call('LPOP', line)
    relays, bytes = relays + 1, bytes + #first
  end
end
if relays > 0 then
  redis.call('HINCRBY', counts, 'relays', -relays)
  redis.call('HINCRBY', counts, 'bytes', -bytes)
  local first = redis.call('LINDEX', line, 0)
  local at = first and string.match(first, '"at":(%d+)')
  if at then redis.call('ZADD', lines, at, line) end
  if not first then redis.call('ZREM', lines, line) end
end
return redis.call('GET', lock) == ARGV[1] and 1 or 0
`);

/**
 * Keeps relays for later. KEYS: later, counts. ARGV: relays that may be kept, when they are due, and each one's line and text.
 * Answers how many are kept, and whether these were taken in. Their numbers keep the order of what is due at one time.
 */
const KEEP = script(`
local later, counts = KEYS[1], KEYS[2]
local maximum, due, relays = tonumber(ARGV[1]), ARGV[2], (#ARGV - 2) / 2
local kept = redis.call('ZCARD', later)
if maximum > 0 and kept + relays > maximum then return { kept, 0 } end
local last = redis.call('HINCRBY', counts, 'kept', relays)
for index = 1, relays do
  local number = string.format('%016d', last - relays + index)
  redis.call('ZADD', later, due, number .. '\\n' .. ARGV[index * 2 + 1] .. '\\n' .. ARGV[index * 2 + 2])
end
return { kept + relays, 1 }
`);

/**
 * Puts what is due into its lines, as far as there is room. KEYS: later, counts, lines. ARGV: relays that may wait, their bytes,
 * now, how many at most, and what the key of a line begins with. Answers when the next ones are due, and the lines.
 */
const RELEASE = script(`
local later, counts, lines = unpack(KEYS)
local maximumRelays, maximumBytes, now = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local waiting = tonumber(redis.call('HGET', counts, 'relays') or 0)
local waitingBytes = tonumber(redis.call('HGET', counts, 'bytes') or 0)
local answer = { '' }
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', later, '-inf', now, 'LIMIT', 0, ARGV[4])) do
  local line, text = string.match(entry, '^%d+\\n([^\\n]*)\\n(.*)$')
  if maximumRelays > 0 and waiting + 1 > maximumRelays
    or maximumBytes > 0 and waitingBytes + #text > maximumBytes then break end
  redis.call('ZREM', later, entry)
  redis.call('RPUSH', ARGV[5] .. line, text)
  redis.call('ZADD', lines, 'NX', now, ARGV[5] .. line)
  redis.call('HINCRBY', counts, 'relays', 1)
  redis.call('HINCRBY', counts, 'bytes', #text)
  waiting, waitingBytes = waiting + 1, waitingBytes + #text
  answer[#answer + 1] = line
end
answer[1] = redis.call('ZRANGE', later, 0, 0, 'WITHSCORES')[2] or ''
return answer
`);

const pushed = v.strictTuple([v.number(), v.number(), v.picklist([0, 1])]);
const settled = v.picklist([0, 1]);
const kept = v.strictTuple([v.number(), v.picklist([0, 1])]);
const released = v.tupleWithRest([v.string()], v.string());

/** One relay and the line it goes into. */
export interface QueuedRelay {
  readonly lane: string;
  readonly text: string;
}

/** How much may wait. 0 allows any number. */
export interface LineBounds {
  readonly waitingRelays: number;
  readonly waitingBytes: number;
}

/** What became of those whose time had come. */
export interface Released {
  /** Which lines have got something. */
  readonly lanes: readonly string[];
  /** When the first of the rest is due, in milliseconds since 1970; in the past where there was no room for it. */
  readonly next: number | undefined;
}

/** How much waits. */
export interface LineCounts {
  readonly relays: number;
  readonly bytes: number;
  /** Since when that has waited which has waited for longest, in milliseconds since 1970. */
  readonly since: number | undefined;
}

/**
 * What waits in Redis: for each member and each channel one list, in the order of the calls. What is in it stays there until
 * the provider has it, or it is a dead letter.
 */
export class RedisLanes {
  readonly #counts: string;
  readonly #lanes: string;
  readonly #later: string;

  /** @param prefix what the keys begin with, with a hash tag: all of them are in one slot of a Redis Cluster */
  constructor(
    private readonly client: Redis | Cluster,
    private readonly prefix: string,
    private readonly bounds: LineBounds,
  ) {
    this.#counts = `${prefix}:waiting`;
    this.#lanes = `${prefix}:lines`;
    this.#later = `${prefix}:later`;
  }

  /**
   * Makes itself known to a server that was just connected to. Where {@link push} had to be sent a second time, because the
   * server did not know the script, what was sent meanwhile would overtake it.
   */
  async introduce(): Promise<void> {
    await this.push([]);
  }

  /**
   * Takes in all of these, or none of them.
   *
   * @returns why there is no room
   */
  async push(relays: readonly QueuedRelay[]): Promise<string | undefined> {
    const { waitingRelays, waitingBytes } = this.bounds;
    const keys = [this.#counts, this.#lanes, ...relays.map(({ lane }) => this.#key(lane))];
    const values = [waitingRelays, waitingBytes, Date.now(), ...relays.map(({ text }) => text)];
    const [waiting, bytes, isIn] = v.parse(pushed, await run({ client: this.client }, PUSH, keys, values));
    if (isIn === 1) return undefined;
    const isFull = waitingRelays > 0 && waiting + relays.length > waitingRelays;
    return isFull
      ? `${waiting} of ${waitingRelays} relays are waiting already`
      : `${bytes} of ${waitingBytes} bytes are waiting already`;
  }

  /** The first of a line. */
  peek(lane: string, count: number): Promise<string[]> {
    return this.client.lrange(this.#key(lane), 0, count - 1);
  }

  /**
   * Takes the first of a line away: these, which have arrived or are dead letters.
   *
   * @param lock the key that says who looks after the line, and what is in it while the caller does
   * @returns whether the caller still does; somebody who was held up may have been taken for dead
   */
  async settle(
    lane: string,
    texts: readonly string[],
    lock: { readonly key: string; readonly token: string },
  ): Promise<boolean> {
    const keys = [this.#counts, this.#lanes, this.#key(lane), lock.key];
    const isHeld = await run({ client: this.client }, SETTLE, keys, [lock.token, ...texts.map(relayId)]);
    return v.parse(settled, isHeld) === 1;
  }

  async counts(): Promise<LineCounts> {
    const [[relays, bytes], [, since]] = await Promise.all([
      this.client.hmget(this.#counts, 'relays', 'bytes'),
      this.client.zrangebyscore(this.#lanes, '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 1),
    ]);
    return {
      relays: Number(relays ?? 0),
      bytes: Number(bytes ?? 0),
      since: since === undefined ? undefined : Number(since),
    };
  }

  /**
   * Keeps all of these until their time has come, or none of them.
   *
   * @param due when that is, in milliseconds since 1970
   * @returns why there is no room
   */
  async keep(relays: readonly QueuedRelay[], due: number): Promise<string | undefined> {
    const maximum = this.bounds.waitingRelays;
    const values = [maximum, due, ...relays.flatMap(({ lane, text }) => [lane, text])];
    const answer = await run({ client: this.client }, KEEP, [this.#later, this.#counts], values);
    const [count, isIn] = v.parse(kept, answer);
    return isIn === 1 ? undefined : `${count} of ${maximum} wait for their time already`;
  }

  /** Puts into their lines, in the order of their times and of the calls, those whose time has come and for whom there is room. */
  async release(count: number): Promise<Released> {
    const { waitingRelays, waitingBytes } = this.bounds;
    const keys = [this.#later, this.#counts, this.#lanes];
    const values = [waitingRelays, waitingBytes, Date.now(), count, this.#key('')];
    const [next, ...lanes] = v.parse(released, await run({ client: this.client }, RELEASE, keys, values));
    return { lanes: [...new Set(lanes)], next: next === '' ? undefined : Number(next) };
  }

  /** How many wait for their time. */
  later(): Promise<number> {
    return this.client.zcard(this.#later);
  }

  /** Some of those lines that have had something since before then, and may have been forgotten. */
  async since(time: number, count: number): Promise<string[]> {
    const keys = await this.client.zrange(this.#lanes, '-inf', String(time), 'BYSCORE', 'LIMIT', 0, count);
    return keys.map((key) => key.slice(this.#key('').length));
  }

  #key(lane: string): string {
    return `${this.prefix}:line:${lane}`;
  }
}
