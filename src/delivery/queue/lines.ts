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
 * Takes relays from the beginning of a line. KEYS: counts, lines, the line. ARGV: their message ids.
 *
 * Only what is there is taken: who was slow, and whose work another one has done meanwhile, takes nothing that is new.
 */
const SETTLE = script(`
local counts, lines, line = unpack(KEYS)
local relays, bytes = 0, 0
for _, id in ipairs(ARGV) do
  local first = redis.call('LINDEX', line, 0)
  if first and string.sub(first, 1, #id + 1) == id .. ' ' then
    redis.call('LPOP', line)
    relays, bytes = relays + 1, bytes + #first
  end
end
redis.call('HINCRBY', counts, 'relays', -relays)
redis.call('HINCRBY', counts, 'bytes', -bytes)
if redis.call('EXISTS', line) == 0 then redis.call('ZREM', lines, line) end
return relays
`);

const pushed = v.strictTuple([v.number(), v.number(), v.picklist([0, 1])]);

/** One relay and the line it goes into. */
export interface LinedRelay {
  readonly line: string;
  readonly text: string;
}

/** How much may wait. 0 allows any number. */
export interface LineBounds {
  readonly waitingRelays: number;
  readonly waitingBytes: number;
}

/** How much waits. */
export interface LineCounts {
  readonly relays: number;
  readonly bytes: number;
  /** Since when the line that has had something for longest has had it, in milliseconds since 1970. */
  readonly since: number | undefined;
}

/**
 * What waits in Redis: for each member and each channel one list, in the order of the calls. What is in it stays there until
 * the provider has it, or it is a dead letter.
 */
export class Lines {
  readonly #counts: string;
  readonly #lines: string;

  /** @param prefix what the keys begin with, with a hash tag: all of them are in one slot of a Redis Cluster */
  constructor(
    private readonly client: Redis | Cluster,
    private readonly prefix: string,
    private readonly bounds: LineBounds,
  ) {
    this.#counts = `${prefix}:waiting`;
    this.#lines = `${prefix}:lines`;
  }

  /**
   * Takes in all of these, or none of them.
   *
   * @returns why there is no room
   */
  async push(relays: readonly LinedRelay[]): Promise<string | undefined> {
    const { waitingRelays, waitingBytes } = this.bounds;
    const keys = [this.#counts, this.#lines, ...relays.map(({ line }) => this.#key(line))];
    const values = [waitingRelays, waitingBytes, Date.now(), ...relays.map(({ text }) => text)];
    const [waiting, bytes, isIn] = v.parse(pushed, await run({ client: this.client }, PUSH, keys, values));
    if (isIn === 1) return undefined;
    const isFull = waitingRelays > 0 && waiting + relays.length > waitingRelays;
    return isFull
      ? `${waiting} of ${waitingRelays} relays are waiting already`
      : `${bytes} of ${waitingBytes} bytes are waiting already`;
  }

  /** The first of a line. */
  peek(line: string, count: number): Promise<string[]> {
    return this.client.lrange(this.#key(line), 0, count - 1);
  }

  /** Takes the first of a line away: these, which have arrived or are dead letters. */
  async settle(line: string, texts: readonly string[]): Promise<void> {
    if (texts.length === 0) return;
    await run(
      { client: this.client },
      SETTLE,
      [this.#counts, this.#lines, this.#key(line)],
      texts.map(relayId),
    );
  }

  async counts(): Promise<LineCounts> {
    const [[relays, bytes], [, since]] = await Promise.all([
      this.client.hmget(this.#counts, 'relays', 'bytes'),
      this.client.zrangebyscore(this.#lines, '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 1),
    ]);
    return {
      relays: Number(relays ?? 0),
      bytes: Number(bytes ?? 0),
      since: since === undefined ? undefined : Number(since),
    };
  }

  /** Some of those lines that have had something since before then, and may have been forgotten. */
  async since(time: number, count: number): Promise<string[]> {
    const keys = await this.client.zrange(this.#lines, '-inf', String(time), 'BYSCORE', 'LIMIT', 0, count);
    return keys.map((key) => key.slice(this.#key('').length));
  }

  #key(line: string): string {
    return `${this.prefix}:line:${line}`;
  }
}
