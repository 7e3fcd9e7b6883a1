import type { Cluster, Redis } from 'ioredis';
import * as v from 'valibot';
import type { Clock } from '../../ports/clock.js';
import { isToMembers, recipientKey, type Relay } from '../../ports/relay.js';
import type { DeliveryConfig } from '../../ports/socket-config.js';
import { wireMemberId } from '../../protocol/member-id.js';
import { run, script } from '../../redis/redis-scripts.js';
import { relayId, writeRelay } from './stored-relay.js';

/**
 * Puts relays into their lanes. KEYS: counts, lanes, and each relay's lane. ARGV: the maximum of waiting relays, of their
 * bytes, the time now, and the relays. Answers the waiting relays, their bytes, and whether these relays were accepted.
 */
const PUSH = script(`
local counts, lanes = KEYS[1], KEYS[2]
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
  redis.call('ZADD', lanes, 'NX', now, KEYS[index + 2])
end
redis.call('HINCRBY', counts, 'relays', relays)
redis.call('HINCRBY', counts, 'bytes', bytes)
return { waiting + relays, waitingBytes + bytes, 1 }
`);

/**
 * Takes relays from the beginning of a lane. KEYS: counts, lanes, the lane, the lock of the lane's job. ARGV: the token that
 * the lock must have, and the relays' message ids. Answers whether it has it.
 *
 * A relay is taken only if it is the first one: a slow worker, whose work another one has done meanwhile, takes no newer ones.
 */
const SETTLE = script(`
local counts, lanes, lane, lock = unpack(KEYS)
local relays, bytes = 0, 0
for index = 2, #ARGV do
  local id, first = ARGV[index], redis.call('LINDEX', lane, 0)
  if first and string.sub(first, 1, #id + 1) == id .. ' ' then
    redis.call('LPOP', lane)
    relays, bytes = relays + 1, bytes + #first
  end
end
if relays > 0 then
  redis.call('HINCRBY', counts, 'relays', -relays)
  redis.call('HINCRBY', counts, 'bytes', -bytes)
  local first = redis.call('LINDEX', lane, 0)
  local at = first and string.match(first, '"at":(%d+)')
  if at then redis.call('ZADD', lanes, at, lane) end
  if not first then redis.call('ZREM', lanes, lane) end
end
return redis.call('GET', lock) == ARGV[1] and 1 or 0
`);

/**
 * Keeps delayed relays. KEYS: delayed relays, counts. ARGV: the maximum of delayed relays, the time when they are due, and each
 * relay's lane and text. Answers the delayed relays, and whether these were accepted. Numbers keep the order of relays that are
 * due at the same time.
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
 * Puts delayed relays that are due into their lanes, as long as there is room. KEYS: delayed relays, counts, lanes. ARGV: the
 * maximum of waiting relays, of their bytes, the time now, the maximum of relays to move, and the beginning of a lane's key.
 * Answers when the next ones are due, and the lanes.
 */
const RELEASE = script(`
local later, counts, lanes = unpack(KEYS)
local maximumRelays, maximumBytes, now = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local waiting = tonumber(redis.call('HGET', counts, 'relays') or 0)
local waitingBytes = tonumber(redis.call('HGET', counts, 'bytes') or 0)
local answer = { '' }
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', later, '-inf', now, 'LIMIT', 0, ARGV[4])) do
  local lane, text = string.match(entry, '^%d+\\n([^\\n]*)\\n(.*)$')
  if maximumRelays > 0 and waiting + 1 > maximumRelays
    or maximumBytes > 0 and waitingBytes + #text > maximumBytes then break end
  redis.call('ZREM', later, entry)
  redis.call('RPUSH', ARGV[5] .. lane, text)
  redis.call('ZADD', lanes, 'NX', now, ARGV[5] .. lane)
  redis.call('HINCRBY', counts, 'relays', 1)
  redis.call('HINCRBY', counts, 'bytes', #text)
  waiting, waitingBytes = waiting + 1, waitingBytes + #text
  answer[#answer + 1] = lane
end
answer[1] = redis.call('ZRANGE', later, 0, 0, 'WITHSCORES')[2] or ''
return answer
`);

const pushed = v.strictTuple([v.number(), v.number(), v.picklist([0, 1])]);
const settled = v.picklist([0, 1]);
const kept = v.strictTuple([v.number(), v.picklist([0, 1])]);
const released = v.tupleWithRest([v.string()], v.string());

/** How much may wait. 0 allows any number. */
export type LaneBounds = Pick<DeliveryConfig, 'waitingRelays' | 'waitingBytes'>;

/** The outcome of {@link RedisLanes.releaseDue}. */
export interface ReleasedRelays {
  /** The lanes that got a relay. */
  readonly lanes: readonly string[];
  /** When the next delayed relay is due, in milliseconds since the epoch; in the past where there was no room for it. */
  readonly nextAt: number | undefined;
}

/** How much waits. */
export interface LaneCounts {
  readonly relays: number;
  readonly bytes: number;
  /** When the relay that has waited longest was accepted, in milliseconds since the epoch. */
  readonly oldestAt: number | undefined;
}

/**
 * The waiting relays in Redis: one list for each member and each channel, in the order of the calls. A relay stays in its list
 * until the provider has accepted it, or it is a dead letter.
 */
export class RedisLanes {
  readonly #client: Redis | Cluster;
  readonly #bounds: LaneBounds;
  readonly #clock: Clock;
  readonly #countsKey: string;
  readonly #lanesKey: string;
  readonly #delayedKey: string;
  /** The beginning of a lane's key. */
  readonly #laneKeys: string;

  /** @param prefix the beginning of all keys, with a hash tag: all of them are in one slot of a Redis Cluster */
  constructor(client: Redis | Cluster, prefix: string, bounds: LaneBounds, clock: Clock) {
    this.#client = client;
    this.#bounds = bounds;
    this.#clock = clock;
    this.#countsKey = `${prefix}:waiting`;
    this.#lanesKey = `${prefix}:lines`;
    this.#delayedKey = `${prefix}:later`;
    this.#laneKeys = `${prefix}:line:`;
  }

  /**
   * Tells a server that was just connected to the script of {@link push}. A server that does not know it makes the client
   * send it a second time, and later calls would overtake that one.
   */
  async prepare(): Promise<void> {
    await this.#push([], []);
  }

  /**
   * Puts a relay into the lanes of all its recipients, or of none.
   *
   * @param at when it was accepted, in milliseconds since the epoch
   * @returns why there is no room, or nothing where it was accepted
   */
  async push(relay: Relay, at: number): Promise<string | undefined> {
    const { recipients } = relay;
    const { waitingRelays, waitingBytes } = this.#bounds;
    const [waiting, bytes, isAccepted] = await this.#push(
      lanesOf(relay).map((lane) => this.#laneKeys + lane),
      recipients.map((recipient) => writeRelay(relay, recipient, at)),
    );
    if (isAccepted === 1) return undefined;
    const isFull = waitingRelays > 0 && waiting + recipients.length > waitingRelays;
    return isFull
      ? `${waiting} of ${waitingRelays} relays are waiting already`
      : `${bytes} of ${waitingBytes} bytes are waiting already`;
  }

  async #push(laneKeys: readonly string[], texts: readonly string[]) {
    const { waitingRelays, waitingBytes } = this.#bounds;
    const keys = [this.#countsKey, this.#lanesKey, ...laneKeys];
    const values = [waitingRelays, waitingBytes, this.#clock.time(), ...texts];
    return v.parse(pushed, await run({ client: this.#client }, PUSH, keys, values));
  }

  /** The first relays of a lane, as {@link writeRelay} wrote them. */
  peek(lane: string, count: number): Promise<string[]> {
    return this.#client.lrange(this.#laneKeys + lane, 0, count - 1);
  }

  /**
   * Takes the first relays from a lane, since they were delivered or are dead letters.
   *
   * @param texts these relays, as {@link peek} has them
   * @param lock the lock of the lane's job, and the token that it has as long as the job is the caller's
   * @returns whether it still is: a worker that stood still may have been taken for dead
   */
  async settle(
    lane: string,
    texts: readonly string[],
    lock: { readonly key: string; readonly token: string },
  ): Promise<boolean> {
    const keys = [this.#countsKey, this.#lanesKey, this.#laneKeys + lane, lock.key];
    const answer = await run({ client: this.#client }, SETTLE, keys, [lock.token, ...texts.map(relayId)]);
    return v.parse(settled, answer) === 1;
  }

  async counts(): Promise<LaneCounts> {
    const [[relays, bytes], [, oldestAt]] = await Promise.all([
      this.#client.hmget(this.#countsKey, 'relays', 'bytes'),
      this.#client.zrangebyscore(this.#lanesKey, '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 1),
    ]);
    return {
      relays: Number(relays ?? 0),
      bytes: Number(bytes ?? 0),
      oldestAt: oldestAt === undefined ? undefined : Number(oldestAt),
    };
  }

  /**
   * Keeps a delayed relay for all its recipients, or for none.
   *
   * @param dueAt when its delay ends, in milliseconds since the epoch
   * @returns why there is no room, or nothing where it was accepted
   */
  async keep(relay: Relay, dueAt: number): Promise<string | undefined> {
    const maximum = this.#bounds.waitingRelays;
    const entries = relay.recipients.flatMap((recipient) => [
      laneOf(relay, recipient),
      writeRelay(relay, recipient, dueAt),
    ]);
    const keys = [this.#delayedKey, this.#countsKey];
    const answer = await run({ client: this.#client }, KEEP, keys, [maximum, dueAt, ...entries]);
    const [count, isAccepted] = v.parse(kept, answer);
    return isAccepted === 1 ? undefined : `${count} of ${maximum} wait for their time already`;
  }

  /**
   * Puts delayed relays that are due into their lanes, in the order of their times and calls, as long as there is room.
   *
   * @param count how many at most
   */
  async releaseDue(count: number): Promise<ReleasedRelays> {
    const { waitingRelays, waitingBytes } = this.#bounds;
    const keys = [this.#delayedKey, this.#countsKey, this.#lanesKey];
    const values = [waitingRelays, waitingBytes, this.#clock.time(), count, this.#laneKeys];
    const answer = await run({ client: this.#client }, RELEASE, keys, values);
    const [nextAt, ...lanes] = v.parse(released, answer);
    return { lanes: [...new Set(lanes)], nextAt: nextAt === '' ? undefined : Number(nextAt) };
  }

  /** How many delayed relays there are. */
  delayed(): Promise<number> {
    return this.#client.zcard(this.#delayedKey);
  }

  /** Some of the lanes whose first relay has waited since this time or longer. */
  async waitingSince(time: number, count: number): Promise<string[]> {
    const range = ['-inf', String(time), 'BYSCORE', 'LIMIT', 0, count] as const;
    const keys = await this.#client.zrange(this.#lanesKey, ...range);
    return keys.map((key) => key.slice(this.#laneKeys.length));
  }
}

/** The lanes of a relay's recipients. */
export function lanesOf(relay: Relay): string[] {
  return relay.recipients.map((recipient) => laneOf(relay, recipient));
}

/** A recipient's lane. Its name is on one line, and its characters are safe in keys: a member has the wire form of the id. */
function laneOf(relay: Relay, recipient: string): string {
  return recipientKey(relay, isToMembers(relay) ? wireMemberId(recipient) : recipient);
}
