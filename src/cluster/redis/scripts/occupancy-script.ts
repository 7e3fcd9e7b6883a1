import { LARGE_CHANNEL_COUNT_INTERVAL_MS, LARGE_CHANNEL_SUBSCRIPTIONS } from '../../../ports/limits.js';
import { BUS_VERSION } from '../bus-message.js';

/** After Redis has lost its data, every node has reported its members again within this time, in milliseconds. */
const CLAIM_MS = 2_500;
/**
 * The same after a single server of a Redis Cluster has lost its data. A node notices that when it next asks that server:
 * up to sixteen seconds later, when the last attempt has failed.
 */
const SHARD_CLAIM_MS = 20_000;

/**
 * Every change of a channel's members and subscriptions, in one atomic step. Members are counted per user over all nodes: a
 * user joins with the first node and leaves with the last. The same step publishes the change on the bus, so that all nodes
 * hear of the changes in one order.
 *
 * KEYS: see `RedisKeys.occupancy`. ARGV: an `OccupancyRequest` as JSON. A field that a request does not have is `nil` here.
 * Replies with a `SyncReply` or an `OccupancyChange` as JSON.
 */
export const OCCUPANCY_SCRIPT = `
local nodes, members, nodeCounts, ownMembers, leaving, versions, announced, missed, cache, bus, status = unpack(KEYS)
local r = cjson.decode(ARGV[1])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local isSync, full = r.mode == 'sync', r.full
local claimMs = r.isSharded and ${SHARD_CLAIM_MS} or ${CLAIM_MS}
local reply = { changes = {}, events = {}, refused = {} }

-- The data is lost, or only this channel's part of it. Members who were reported before are not announced a second time.
local isQuiet = full and full.countedAs ~= '' and
  (full.isDataLost or (full.countedAs == r.node and redis.call('HEXISTS', nodes, r.node) == 0))

local function isOccupied()
  return redis.call('HLEN', nodes) > 0 or redis.call('HLEN', members) > 0 or redis.call('ZSCORE', leaving, '') ~= false
end

-- A version begins with the time. So it is higher than the last one even if that was deleted.
local function nextVersion()
  redis.call('SET', versions, string.format('%.0f', clock[1] * 1000000 + clock[2]), 'NX')
  return string.format('%.0f', redis.call('INCR', versions))
end

local function emit(event)
  if r.kind ~= 'user' then table.insert(reply.events, event) end
end

local function publish(channel, message)
  redis.call(r.isSharded and 'SPUBLISH' or 'PUBLISH', channel, '{"v":${BUS_VERSION},' .. message .. '}')
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
  emit({ name = 'member_removed', user_id = id })
  publish(bus, '"k":"removed","r":"' .. version .. '","id":' .. cjson.encode(id))
end

local isRefusable = {}
for _, id in ipairs(r.refusable or {}) do isRefusable[id] = true end

local function join(id, info, isQuiet, isRepeated)
  local known = redis.call('HGET', members, id)
  -- Another node may have reported a newer info since.
  if known and isRepeated then info = known end
  if not known and isRefusable[id] and r.maximumMembers > 0 and redis.call('HLEN', members) >= r.maximumMembers then
    table.insert(reply.refused, id)
    return
  end
  if redis.call('SADD', ownMembers, id) == 1 then redis.call('HINCRBY', nodeCounts, id, 1) end
  -- A node that could not reach Redis may have removed the user from its own roster, so the join is announced.
  local wasLeaving = redis.call('ZREM', leaving, id) == 1
  if known and known == info and not wasLeaving then return end
  if not known and not isQuiet then emit({ name = 'member_added', user_id = id }) end
  put(id, info, isQuiet and not known)
end

local function leave(id, isDeliberate)
  if redis.call('SREM', ownMembers, id) == 0 then return end
  if redis.call('HINCRBY', nodeCounts, id, -1) > 0 then return end
  redis.call('HDEL', nodeCounts, id)
  local deadline = (r.since or now) + (isDeliberate and 0 or r.graceMs)
  -- Another node may have the user too, and may not have reported it again yet.
  if isQuiet then deadline = now + math.max(r.graceMs, claimMs) end
  if deadline <= now then remove(id) else redis.call('ZADD', leaving, deadline, id) end
end

-- The user was present when the data was lost. A node may still report the user; otherwise the user leaves.
local function addUnclaimed(id, info)
  if redis.call('HEXISTS', nodeCounts, id) == 1 then return end
  if redis.call('HSETNX', members, id, info) == 1 then
    nextVersion()
    redis.call('ZADD', leaving, now + math.max(r.graceMs, claimMs), id)
  end
end

local function vacate()
  emit({ name = 'channel_vacated' })
  redis.call('DEL', nodes, members, nodeCounts, leaving, versions, announced, missed)
end

if isSync and not full and redis.call('HEXISTS', nodes, r.node) == 0 then
  return cjson.encode({ unknown = true })
end

local wasOccupied, wasOnline = isOccupied(), redis.call('HLEN', nodes) > 0
local versionBefore = redis.call('GET', versions) or '0'

if r.removed then redis.call('ZADD', leaving, 'XX', now, r.removed) end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', leaving, '-inf', r.isLast and '+inf' or now)) do
  if id == '' then redis.call('ZREM', leaving, id) else remove(id) end
end
if wasOccupied and not isOccupied() then
  vacate()
  wasOccupied = false
end
if isSync and r.subscriptions > 0 and not wasOccupied then
  if not isQuiet then emit({ name = 'channel_occupied' }) end
  wasOccupied = true
end
if full and (full.isDataLost or isQuiet) then
  for _, user in ipairs(full.unclaimed) do addUnclaimed(user[1], user[2]) end
  if full.wasVacating and not isOccupied() then
    redis.call('ZADD', leaving, now + math.max(r.graceMs, claimMs), '')
  end
  wasOccupied = wasOccupied or isOccupied()
end

if r.mode == 'reap' then
  for _, id in ipairs(redis.call('SMEMBERS', ownMembers)) do leave(id, false) end
end
if isSync then
  if full then
    local isKept = {}
    for _, user in ipairs(full.reported) do isKept[user[1]] = true end
    for _, user in ipairs(r.joins) do isKept[user[1]] = true end
    for _, id in ipairs(redis.call('SMEMBERS', ownMembers)) do
      if not isKept[id] then leave(id, false) end
    end
    local isLeaving = {}
    for _, user in ipairs(r.leaves) do isLeaving[user[1]] = true end
    for _, user in ipairs(full.reported) do
      -- A user who left while Redis had lost its data is added first, so that the leave is announced.
      if isQuiet or not isLeaving[user[1]] then join(user[1], user[2], isQuiet, true) end
    end
  end
  for _, user in ipairs(r.joins) do join(user[1], user[2], false) end
  for _, user in ipairs(r.leaves) do leave(user[1], user[2]) end
end

local hadNodes = redis.call('HLEN', nodes) > 0
if isSync and r.subscriptions > 0 then
  redis.call('HSET', nodes, r.node, r.subscriptions)
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

if isSync and r.isCached and r.subscriptions > 0 then
  local text, ttlMs = redis.call('GET', cache), redis.call('PTTL', cache)
  if not text and r.cachedEvent and r.cachedEvent.ttlMs > 0 then
    text, ttlMs = r.cachedEvent.text, r.cachedEvent.ttlMs
    redis.call('SET', cache, text, 'PX', string.format('%.0f', ttlMs))
  end
  if text then
    reply.cache = { text = text, ttlMs = ttlMs }
  elseif r.hasNewSubscribers and redis.call('SET', missed, '1', 'NX') then
    emit({ name = 'cache_miss' })
  end
end

if r.hasCounts and r.kind == 'plain' then
  local total = 0
  for _, count in ipairs(redis.call('HVALS', nodes)) do total = total + count end
  local last, at = string.match(redis.call('GET', announced) or '0 0', '(%d+) (%d+)')
  if total ~= tonumber(last) then
    local waitMs = tonumber(last) > ${LARGE_CHANNEL_SUBSCRIPTIONS} and ${LARGE_CHANNEL_COUNT_INTERVAL_MS} - (now - at) or 0
    if waitMs > 0 then
      reply.recountMs = waitMs
    else
      redis.call('SET', announced, string.format('%d %.0f', total, now))
      reply.count = total
      emit({ name = 'subscription_count', subscription_count = total })
      publish(bus, '"k":"count","n":' .. cjson.encode(r.node) .. ',"count":' .. total)
    end
  end
end

if wasOccupied and not isOccupied() then
  local deadline = (r.since or now) + r.graceMs
  if r.kind == 'plain' and hadNodes and not r.isLeaveDeliberate and deadline > now then
    redis.call('ZADD', leaving, deadline, '')
  else
    vacate()
  end
end

reply.version = redis.call('GET', versions) or '0'
if r.kind == 'presence' and isSync and r.subscriptions > 0 and (full or r.rosterVersion ~= versionBefore) then
  reply.roster = redis.call('HGETALL', members)
  reply.leaving = redis.call('ZRANGE', leaving, 0, -1)
end
local first = redis.call('ZRANGE', leaving, 0, 0, 'WITHSCORES')[2]
if first then reply.graceMs = math.max(0, first - now) end
return cjson.encode(reply)
`;
