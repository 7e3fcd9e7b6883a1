import * as v from 'valibot';
import { channelType } from '../../../protocol/channel-name.js';
import { LARGE_CHANNEL, LARGE_CHANNEL_INTERVAL_MS } from '../../crowd.js';
import { BUS_VERSION } from '../bus-message.js';

/** When Redis has lost its data every node has told it again by then. In milliseconds. */
const SETTLED_MS = 2_500;
/**
 * When one server of a Redis Cluster has lost its data. Each node finds out by itself, when it asks that server the next
 * time: after an attempt that failed, that may be sixteen seconds later.
 */
const SHARD_SETTLED_MS = 20_000;

/** What one node wants changed, or known, about who is on a channel. */
export interface OccupancyRequest {
  /**
   * `sync` brings what Redis knows of this node up to date. `settle` only ends grace periods that are over. `reap` takes
   * away everything that a node held which is gone.
   */
  readonly mode: 'sync' | 'settle' | 'reap';
  readonly node: string;
  readonly kind: 'presence' | 'user' | 'plain';
  /** How many subscriptions the node has. */
  readonly count: number;
  /** Whether Redis may know nothing of this node, or something that is not so: `base` and `changes` say it all. */
  readonly full: boolean;
  /** The users that the node has told Redis of before, with those who left since. */
  readonly base: readonly (readonly [id: string, info: string])[];
  /** Whether Redis has lost its data, and the nodes have not. */
  readonly lost: boolean;
  /** The name under which the node was counted in last; empty where it was not. */
  readonly countedAs: string;
  /**
   * Who was there when Redis lost its data, through other nodes or through none. They are given the time to be claimed.
   */
  readonly seeds: readonly (readonly [id: string, info: string])[];
  /** Whether the channel was only kept, for subscribers who may come back, when Redis lost its data. */
  readonly kept: boolean;
  /** Those of `joins` who are not let in when the channel is full: the others are in already. */
  readonly awaited: readonly string[];
  readonly joins: readonly (readonly [id: string, info: string])[];
  readonly leaves: readonly (readonly [id: string, isDeliberate: boolean])[];
  /** Whether the channel's last subscriber left deliberately. */
  readonly deliberate: boolean;
  readonly graceMs: number;
  /** When the node was last heard of, where it is reaped: in milliseconds, by Redis's clock. */
  readonly since?: number;
  /** Whether grace periods are over that are not. */
  readonly all?: boolean;
  /** The most members; 0 allows any number. */
  readonly max: number;
  readonly counts: boolean;
  /** The version of the roster that the node has. */
  readonly known: string;
  /** Whether the channel remembers its last event. */
  readonly cached: boolean;
  /** Whether somebody subscribes who will be told what it remembers. */
  readonly joined: boolean;
  /** What the node remembers of it, for a Redis that may have lost it. */
  readonly store?: { readonly text: string; readonly ttlMs: number };
  readonly sharded: boolean;
}

/** What the script has to know of a channel's type. */
export function kindOf(channel: string): OccupancyRequest['kind'] {
  const { access } = channelType(channel);
  return access === 'presence' || access === 'user' ? access : 'plain';
}

// Lua does not tell an empty list from an empty table.
const list = <T>(item: v.GenericSchema<unknown, T>) =>
  v.union([
    v.array(item),
    v.pipe(
      v.strictObject({}),
      v.transform((): T[] => []),
    ),
  ]);

const occupancyReply = v.union([
  v.object({ unknown: v.literal(true) }),
  v.object({
    unknown: v.optional(v.undefined()),
    version: v.string(),
    changes: list(v.object({ version: v.string(), id: v.string(), info: v.optional(v.string()) })),
    events: list(
      v.union([
        v.object({ name: v.picklist(['channel_occupied', 'channel_vacated', 'cache_miss']) }),
        v.object({ name: v.picklist(['member_added', 'member_removed']), user_id: v.string() }),
        v.object({ name: v.literal('subscription_count'), subscription_count: v.number() }),
      ]),
    ),
    refused: list(v.string()),
    roster: v.optional(list(v.string())),
    /** Those of the roster who are there only because they may come back. */
    leaving: v.optional(list(v.string())),
    status: v.optional(v.object({ version: v.string(), online: v.boolean() })),
    /** The subscriptions on all nodes, where they are to be told. */
    count: v.optional(v.number()),
    /** Milliseconds until they may be told. */
    recountMs: v.optional(v.number()),
    /** Milliseconds until a grace period is over. */
    graceMs: v.optional(v.number()),
    cache: v.optional(v.object({ text: v.string(), ttlMs: v.number() })),
  }),
]);

/** What the script did. `unknown`: nothing, because Redis knows nothing of this node on the channel. */
export type OccupancyReply = v.InferOutput<typeof occupancyReply>;

/** What the script did, where it did something. */
export type OccupancyChange = Exclude<OccupancyReply, { unknown: true }>;

/** Reads what the script answered. */
export function readOccupancyReply(text: unknown): OccupancyReply {
  return v.parse(occupancyReply, JSON.parse(v.parse(v.string(), text)));
}

/**
 * Everything that changes who is on a channel, in one step that nothing can come between. Members are counted per user
 * over all nodes: a user joins with the first node and leaves after the last. What happened is told on the bus by whoever
 * made it happen, within the same step, so that every node hears it in the same order.
 */
export const OCCUPANCY_SCRIPT = `
local nodes, members, holds, held, leaving, versions, told, missed, cache, bus, status = unpack(KEYS)
local r = cjson.decode(ARGV[1])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local settledMs = r.sharded and ${SHARD_SETTLED_MS} or ${SETTLED_MS}
local reply = { changes = {}, events = {}, refused = {} }

-- Everybody knows of what was told before, also where only this channel's part of the data is gone.
local isQuiet = r.full and r.countedAs ~= '' and
  (r.lost or (r.countedAs == r.node and redis.call('HEXISTS', nodes, r.node) == 0))

local function isOccupied()
  return redis.call('HLEN', nodes) > 0 or redis.call('HLEN', members) > 0 or redis.call('ZSCORE', leaving, '') ~= false
end

-- A version begins with the time, so that it grows also where its predecessor was forgotten.
local function nextVersion()
  redis.call('SET', versions, string.format('%.0f', clock[1] * 1000000 + clock[2]), 'NX')
  return string.format('%.0f', redis.call('INCR', versions))
end

local function happened(event)
  if r.kind ~= 'user' then table.insert(reply.events, event) end
end

local function publish(channel, message)
  redis.call(r.sharded and 'SPUBLISH' or 'PUBLISH', channel, '{"v":${BUS_VERSION},' .. message .. '}')
end

local function put(id, info, isQuiet)
  redis.call('HSET', members, id, info)
  local version = nextVersion()
  if isQuiet then return end
  table.insert(reply.changes, { version = version, id = id, info = info })
  publish(bus, '"k":"added","r":"' .. version .. '","id":' .. cjson.encode(id) .. ',"info":' .. cjson.encode(info))
end

local function remove(id)
  redis.call('HDEL', members, id)
  redis.call('ZREM', leaving, id)
  local version = nextVersion()
  table.insert(reply.changes, { version = version, id = id })
  happened({ name = 'member_removed', user_id = id })
  publish(bus, '"k":"removed","r":"' .. version .. '","id":' .. cjson.encode(id))
end

local isAwaited = {}
for _, id in ipairs(r.awaited) do isAwaited[id] = true end

local function join(id, info, isQuiet)
  local known = redis.call('HGET', members, id)
  if not known and isAwaited[id] and r.max > 0 and redis.call('HLEN', members) >= r.max then
    table.insert(reply.refused, id)
    return
  end
  if redis.call('SADD', held, id) == 1 then redis.call('HINCRBY', holds, id, 1) end
  -- Who comes back may have been told gone by a node that was alone.
  local wasLeaving = redis.call('ZREM', leaving, id) == 1
  if known and known == info and not wasLeaving then return end
  if not known and not isQuiet then happened({ name = 'member_added', user_id = id }) end
  put(id, info, isQuiet and not known)
end

local function leave(id, isDeliberate)
  if redis.call('SREM', held, id) == 0 then return end
  if redis.call('HINCRBY', holds, id, -1) > 0 then return end
  redis.call('HDEL', holds, id)
  local deadline = (r.since or now) + (isDeliberate and 0 or r.graceMs)
  -- Others may not have told yet that they have the user too.
  if isQuiet then deadline = now + math.max(r.graceMs, settledMs) end
  if deadline <= now then remove(id) else redis.call('ZADD', leaving, deadline, id) end
end

-- Somebody may come back whom nobody holds, and whom nobody was told to have gone.
local function seed(id, info)
  if redis.call('HEXISTS', holds, id) == 1 then return end
  if redis.call('HSETNX', members, id, info) == 1 then
    nextVersion()
    redis.call('ZADD', leaving, now + math.max(r.graceMs, settledMs), id)
  end
end

local function vacate()
  happened({ name = 'channel_vacated' })
  redis.call('DEL', nodes, members, holds, leaving, versions, told, missed)
end

if r.mode == 'sync' and not r.full and redis.call('HEXISTS', nodes, r.node) == 0 then
  return cjson.encode({ unknown = true })
end

local wasOccupied, wasOnline = isOccupied(), redis.call('HLEN', nodes) > 0
local versionBefore = redis.call('GET', versions) or '0'

for _, id in ipairs(redis.call('ZRANGEBYSCORE', leaving, '-inf', r.all and '+inf' or now)) do
  if id == '' then redis.call('ZREM', leaving, id) else remove(id) end
end
if wasOccupied and not isOccupied() then
  vacate()
  wasOccupied = false
end
if r.mode == 'sync' and r.count > 0 and not wasOccupied then
  if not isQuiet then happened({ name = 'channel_occupied' }) end
  wasOccupied = true
end
if r.mode == 'sync' and (r.lost or isQuiet) then
  for _, user in ipairs(r.seeds) do seed(user[1], user[2]) end
  if r.kept and not isOccupied() then
    redis.call('ZADD', leaving, now + math.max(r.graceMs, settledMs), '')
  end
  wasOccupied = wasOccupied or isOccupied()
end

if r.mode == 'reap' then
  for _, id in ipairs(redis.call('SMEMBERS', held)) do leave(id, false) end
end
if r.mode == 'sync' then
  if r.full then
    local isKept = {}
    for _, user in ipairs(r.base) do isKept[user[1]] = true end
    for _, user in ipairs(r.joins) do isKept[user[1]] = true end
    for _, id in ipairs(redis.call('SMEMBERS', held)) do
      if not isKept[id] then leave(id, false) end
    end
    local isLeaving = {}
    for _, user in ipairs(r.leaves) do isLeaving[user[1]] = true end
    for _, user in ipairs(r.base) do
      -- Who went while Redis knew of nobody has to be there to be told gone.
      if isQuiet or not isLeaving[user[1]] then join(user[1], user[2], isQuiet) end
    end
  end
  for _, user in ipairs(r.joins) do join(user[1], user[2], false) end
  for _, user in ipairs(r.leaves) do leave(user[1], user[2]) end
end

local hadNodes = redis.call('HLEN', nodes) > 0
if r.mode == 'sync' and r.count > 0 then
  redis.call('HSET', nodes, r.node, r.count)
  redis.call('ZREM', leaving, '')
elseif r.mode ~= 'settle' then
  redis.call('HDEL', nodes, r.node)
end
local isOnline = redis.call('HLEN', nodes) > 0

if r.kind == 'user' and wasOnline ~= isOnline then
  local version = nextVersion()
  reply.status = { version = version, online = isOnline }
  publish(status, '"k":"status","r":"' .. version .. '","online":' .. tostring(isOnline))
end

if r.cached and r.mode == 'sync' and r.count > 0 then
  local text, ttlMs = redis.call('GET', cache), redis.call('PTTL', cache)
  if not text and r.store and r.store.ttlMs > 0 then
    text, ttlMs = r.store.text, r.store.ttlMs
    redis.call('SET', cache, text, 'PX', string.format('%.0f', ttlMs))
  end
  if text then
    reply.cache = { text = text, ttlMs = ttlMs }
  elseif r.joined and redis.call('SET', missed, '1', 'NX') then
    happened({ name = 'cache_miss' })
  end
end

if r.counts and r.kind == 'plain' then
  local total = 0
  for _, count in ipairs(redis.call('HVALS', nodes)) do total = total + count end
  local last, at = string.match(redis.call('GET', told) or '0 0', '(%d+) (%d+)')
  if total ~= tonumber(last) then
    local waitMs = tonumber(last) > ${LARGE_CHANNEL} and ${LARGE_CHANNEL_INTERVAL_MS} - (now - at) or 0
    if waitMs > 0 then
      reply.recountMs = waitMs
    else
      redis.call('SET', told, string.format('%d %.0f', total, now))
      reply.count = total
      happened({ name = 'subscription_count', subscription_count = total })
      publish(bus, '"k":"count","n":' .. cjson.encode(r.node) .. ',"count":' .. total)
    end
  end
end

if wasOccupied and not isOccupied() then
  local deadline = (r.since or now) + r.graceMs
  if r.kind == 'plain' and hadNodes and not r.deliberate and deadline > now then
    redis.call('ZADD', leaving, deadline, '')
  else
    vacate()
  end
end

reply.version = redis.call('GET', versions) or '0'
if r.kind == 'presence' and r.mode == 'sync' and r.count > 0 and (r.full or r.known ~= versionBefore) then
  reply.roster = redis.call('HGETALL', members)
  reply.leaving = redis.call('ZRANGE', leaving, 0, -1)
end
local first = redis.call('ZRANGE', leaving, 0, 0, 'WITHSCORES')[2]
if first then reply.graceMs = math.max(0, first - now) end
return cjson.encode(reply)
`;
