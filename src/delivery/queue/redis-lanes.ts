import type { Cluster, Redis } from 'ioredis';
import * as v from 'valibot';
import type { Clock } from '../../ports/clock.js';
import { isToMembers, recipientKey, type Relay } from '../../ports/relay.js';
import type { DeliveryConfig } from '../../ports/socket-config.js';
import { wireMemberId } from '../../protocol/member-id.js';
import { run, script } from '../../redis/redis-scripts.js';
import { additionScript, type Outbox } from './outbox.js';
import { relayId, writeRelay } from './stored-relay.js';

/**
 * Puts relays into their lanes, or refuses all of them. KEYS: counts, lanes, and each relay's lane. ARGV: the maximum of waiting
 * relays, of their bytes, the time now, and the relays.
 */
const PUSH = additionScript(`
local counts, lanes = KEYS[3], KEYS[4]
local maximumRelays, maximumBytes, now = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local relays, bytes = #KEYS - 4, 0
for index = 1, relays do bytes = bytes + #ARGV[index + 6] end
local waiting = redis.call('HMGET', counts, 'relays', 'bytes')
local waitingRelays, waitingBytes = tonumber(waiting[1] or 0), tonumber(waiting[2] or 0)
if maximumRelays > 0 and waitingRelays + relays > maximumRelays then
  return refuse(waitingRelays .. ' of ' .. maximumRelays .. ' relays are waiting already')
end
if maximumBytes > 0 and waitingBytes + bytes > maximumBytes then
  return refuse(waitingBytes .. ' of ' .. maximumBytes .. ' bytes are waiting already')
end
for index = 1, relays do
  redis.call('RPUSH', KEYS[index + 4], ARGV[index + 6])
  redis.call('ZADD', lanes, 'NX', now, KEYS[index + 4])
end
redis.call('HINCRBY', counts, 'relays', relays)
redis.call('HINCRBY', counts, 'bytes', bytes)
return DONE
`);

/**
 * Takes relays from the beginning of a lane, and reads those behind them. KEYS: counts, lanes, the lane, the lock of the lane's
 * job. ARGV: the token that the lock must have, how many to read, and the message ids of the relays to take. Answers the relays
 * that were read, or nothing where the lock has another token.
 *
 * A relay is taken only if it is the first one: a slow worker, whose work another one has done meanwhile, takes no newer ones.
 */
const TAKE = script(`
local counts, lanes, lane, lock = unpack(KEYS)
local relays, bytes = 0, 0
for index = 3, #ARGV do
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
if redis.call('GET', lock) ~= ARGV[1] then return false end
return redis.call('LRANGE', lane, 0, ARGV[2] - 1)
`);

/**
 * Keeps delayed relays, or refuses all of them. KEYS: delayed relays, counts. ARGV: the maximum of delayed relays, the time when
 * they are due, and each relay's lane and text. Numbers keep the order of relays that are due at the same time.
 */
const KEEP = additionScript(`
local later, counts = KEYS[3], KEYS[4]
local maximum, due, relays = tonumber(ARGV[4]), ARGV[5], (#ARGV - 5) / 2
local kept = redis.call('ZCARD', later)
if maximum > 0 and kept + relays > maximum then
  return refuse(kept .. ' of ' .. maximum .. ' wait for their time already')
end
local last = redis.call('HINCRBY', counts, 'kept', relays)
for index = 1, relays do
  local place = string.format('%016d', last - relays + index)
  redis.call('ZADD', later, due, place .. '\\n' .. ARGV[index * 2 + 4] .. '\\n' .. ARGV[index * 2 + 5])
end
return DONE
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

const taken = v.nullable(v.array(v.string()));
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
  readonly #outbox: Outbox;
  readonly #bounds: LaneBounds;
  readonly #clock: Clock;
  readonly #countsKey: string;
  readonly #lanesKey: string;
  readonly #delayedKey: string;
  /** The beginning of a lane's key. */
  readonly #laneKeys: string;

  /** @param prefix the beginning of all keys, with a hash tag: all of them are in one slot of a Redis Cluster */
  constructor(client: Redis | Cluster, outbox: Outbox, prefix: string, bounds: LaneBounds, clock: Clock) {
    this.#client = client;
    this.#outbox = outbox;
    this.#bounds = bounds;
    this.#clock = clock;
    this.#countsKey = `${prefix}:waiting`;
    this.#lanesKey = `${prefix}:lines`;
    this.#delayedKey = `${prefix}:later`;
    this.#laneKeys = `${prefix}:line:`;
  }

  /**
   * Puts a relay into the lanes of all its recipients, or of none.
   *
   * @param at when it was accepted, in milliseconds since the epoch
   * @returns why there is no room, or nothing where it was accepted
   * @throws NotAddedError
   */
  push(relay: Relay, at: number): Promise<string | undefined> {
    const { waitingRelays, waitingBytes } = this.#bounds;
    const keys = [this.#countsKey, this.#lanesKey, ...lanesOf(relay).map((lane) => this.#laneKeys + lane)];
    const texts = relay.recipients.map((recipient) => writeRelay(relay, recipient, at));
    return this.#outbox.add(PUSH, keys, [waitingRelays, waitingBytes, this.#clock.time(), ...texts]);
  }

  /**
   * Takes the first relays from a lane, since they were delivered or are dead letters, and reads those behind them. It may be
   * called again with the same relays, where it is not known whether the first call was carried out.
   *
   * @param texts the relays to take, as this call had them before; none at first
   * @param lock the lock of the lane's job, and the token that it has as long as the job is the caller's
   * @param count how many to read
   * @returns the relays, as {@link writeRelay} wrote them; `undefined` where the job is not the caller's any more: a worker that
   *   stood still may have been taken for dead
   */
  async take(
    lane: string,
    texts: readonly string[],
    lock: { readonly key: string; readonly token: string },
    count: number,
  ): Promise<readonly string[] | undefined> {
    const keys = [this.#countsKey, this.#lanesKey, this.#laneKeys + lane, lock.key];
    const values = [lock.token, count, ...texts.map(relayId)];
    return v.parse(taken, await run({ client: this.#client }, TAKE, keys, values)) ?? undefined;
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
   * @throws NotAddedError
   */
  keep(relay: Relay, dueAt: number): Promise<string | undefined> {
    const maximum = this.#bounds.waitingRelays;
    const entries = relay.recipients.flatMap((recipient) => [
      laneOf(relay, recipient),
      writeRelay(relay, recipient, dueAt),
    ]);
    return this.#outbox.add(KEEP, [this.#delayedKey, this.#countsKey], [maximum, dueAt, ...entries]);
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
