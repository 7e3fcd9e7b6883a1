import { LARGE_CHANNEL_COUNT_INTERVAL_MS, LARGE_CHANNEL_SUBSCRIPTIONS } from '../../../ports/limits.js';
import { BUS_VERSION } from '../bus-message.js';
import { LEASE_MS } from '../leases.js';
import { CHANNEL_RECORD } from './channel-record.js';

/**
 * After a single server of a Redis Cluster has lost its data, every node that lives has reported its members again within this time,
 * in milliseconds. Elsewhere that is a lease. A node notices it when it next asks that server, or
 * compares the channel.
 */
const SHARD_CLAIM_MS = 20_000;
/** For how long the events of a reply are kept for a node that did not get the reply, in milliseconds. */
const REPLY_MS = 30_000;
/** After a node has restored a record that Redis has lost, the others on the channel have reported it again within this time. */
const RESTORING_MS = 2_000;
/** For how long a node counts as one that waits for others, in milliseconds: for longer than it waits. */
const WAITING_MS = 1_000;

/**
 * Every change of a channel's members and subscriptions, in one atomic step. Members are counted per user over all nodes: a
 * user joins with the first node and leaves with the last. The same step publishes the change on the bus, so that all nodes
 * hear of the changes in one order. Each change names the version before it, so a node notices that it has missed one, and that
 * Redis has come back with older data.
 *
 * Each node is right about its own members, whatever Redis says. When Redis does not have a node's last report (`isLost`), it has
 * lost that report: what the node reports again was told before, and is not told a second time.
 *
 * KEYS: see {@link CHANNEL_RECORD}; on a single server also the leases, and the list of the node's channels. ARGV: an
 * `OccupancyRequest` as JSON. A field that a request does not have is `nil` here.
 * Replies with a `SyncReply` or an `OccupancyChange` as JSON.
 */
export const OCCUPANCY_SCRIPT = `${CHANNEL_RECORD}
local r = cjson.decode(ARGV[1])
local isSync, isReap, full = r.mode == 'sync', r.mode == 'reap', r.full
local graceMs, claimMs = r.graceMs or 0, r.isSharded and ${SHARD_CLAIM_MS} or ${LEASE_MS}
local reply = { events = {}, refused = {} }

-- Redis has lost the node's lease, and so perhaps everything. The node renews it, and waits for the other nodes if need be.
local leases, ownList = KEYS[2], KEYS[3]
if isSync and leases and not redis.call('ZSCORE', leases, r.node) then return '{"unknown":true}' end

-- The names of the lists end with the lease names, and those of the records with the channels in braces.
local lists = ownList and string.sub(ownList, 1, -1 - #r.node)
local channel = ownList and string.sub(state, #lists - #'node:' + #'{' + 1, -1 - #'}')

-- The list of a node has the channels whose records have the node.
local function isOnAnotherList()
  for _, name in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
    if name ~= r.node and redis.call('SISMEMBER', lists .. name, channel) == 1 then return true end
  end
  return false
end

if full or r.isRosterWanted or isReap then
  readAll()
else
  local names = { 'version', 'nodes', 'members', 'leaving', 'due', 'vacates', 'told', 'missed', 'restored' }
  for _, user in ipairs(r.joins or {}) do table.insert(names, '@' .. user[1]) end
  for _, user in ipairs(r.leaves or {}) do table.insert(names, '@' .. user[1]) end
  read(names)
end

-- A node without subscriptions is there too, while it waits for the end of a grace period.
local nodes, nodeCount = {}, 0
local function setNode(name, subscriptions, report)
  local known = nodes[name]
  if known and known.subscriptions > 0 then nodeCount = nodeCount - 1 end
  if subscriptions and subscriptions > 0 then nodeCount = nodeCount + 1 end
  nodes[name] = subscriptions and { subscriptions = subscriptions, report = report } or nil
end
for name, subscriptions, report in string.gmatch(get('nodes') or '', '(%S+) (%d+) (%d+)') do
  setNode(name, tonumber(subscriptions), tonumber(report))
end
local mine = nodes[r.node]

-- Other nodes may not have reported yet what Redis has lost.
local restoredFrom, restoredAt = string.match(get('restored') or '', '(%d+) (%d+)')
restoredFrom, restoredAt = tonumber(restoredFrom or nil), tonumber(restoredAt or nil)
local isRestoring = restoredAt and micros < restoredAt + ${RESTORING_MS} * 1000

-- Every node on the channel hears its bus, and so do those that are about to report it for the first time. These are counted while
-- they wait, so that they do not wait for each other.
local function isHeardElsewhere()
  local hearing = redis.call('PUBSUB', r.isSharded and 'SHARDNUMSUB' or 'NUMSUB', state)[2]
  if hearing <= nodeCount or hearing < 2 then return false end
  local waiting = state .. ':waiting'
  redis.call('SADD', waiting, r.node)
  redis.call('PEXPIRE', waiting, ${WAITING_MS})
  local known = nodeCount
  for _, name in ipairs(redis.call('SMEMBERS', waiting)) do
    if not (nodes[name] and nodes[name].subscriptions > 0) then known = known + 1 end
  end
  return hearing > known
end

local isMissing = full and #order == 0

-- Redis has lost the record alone, and nodes that are on the channel have not reported it again: a member may only seem new. A node
-- that only waits there for the end of a grace period does not hear the bus; a single server has it on a list.
local function mustWait()
  if isMissing then return full.countedAs == '' and (isHeardElsewhere() or (leases and isOnAnotherList())) end
  if not isRestoring then return false end
  for _, user in ipairs(r.joins or {}) do
    if not get('@' .. user[1]) then return isHeardElsewhere() end
  end
  return false
end
if isSync and r.subscriptions > 0 and not r.hasWaited and mustWait() then
  redis.call(r.isSharded and 'SPUBLISH' or 'PUBLISH', state, '{"v":${BUS_VERSION},"k":"lost"}')
  return '{"unknown":true,"isLost":true}'
end

if r.isQuiet and not mine then return '{"version":"0","events":{},"refused":{}}' end
if isSync and not full and (not mine or mine.report ~= r.answered) then return '{"unknown":true}' end

-- The events of a reply that the node did not get.
local answered = r.answered or 0
local isDone = mine and mine.report > answered
local replyKey = state .. ':reply:' .. r.node
if r.isRepeated then
  local report, events = string.match(redis.call('GET', replyKey) or '', '^(%d+) (.*)$')
  if report and tonumber(report) > answered then
    isDone, reply.events = true, cjson.decode(events)
  end
end
local isLost = r.isQuiet or (full and not isDone and
  ((mine and mine.report < answered) or (not mine and full.countedAs == r.node)))

local isUnsure = isLost or r.isHolding or isRestoring
local versionBefore = tonumber(get('version') or 0)
local version = versionBefore
local memberCount, leavingCount = tonumber(get('members') or 0), tonumber(get('leaving') or 0)
local due, vacates = tonumber(get('due') or nil), tonumber(get('vacates') or nil)

local function isOccupied() return nodeCount > 0 or memberCount > 0 or vacates ~= nil end

-- A version begins with the time. So it is higher than the last one even if that was deleted.
local function nextVersion()
  local before = version
  version = math.max(version + 1, micros)
  return before
end

local function emit(event)
  if r.kind ~= 'user' then table.insert(reply.events, event) end
end

-- Published once everything is written: a Redis that refuses writes must not have told anybody.
local messages = {}
local function publish(channel, message)
  table.insert(messages, { channel, '{"v":${BUS_VERSION},' .. message .. '}' })
end

-- Nobody but this node has noticed that Redis has lost the record.
if isLost and isMissing and not (r.isQuiet or r.isHolding) then publish(state, '"k":"lost"') end

local function announce(kind, id, info)
  local before = nextVersion()
  publish(state, '"k":"' .. kind .. '","r":"' .. text(version) .. '","p":"' .. text(before) .. '","id":' .. cjson.encode(id) ..
    (info and ',"info":' .. cjson.encode(info) or ''))
end

local function member(id)
  local holders, info = string.match(get('@' .. id) or '', '^([^|]*)|(.*)$')
  return holders, info
end

local function put(id, holders, info) set('@' .. id, holders .. '|' .. info) end

local function isHolder(holders) return string.find(',' .. holders .. ',', ',' .. r.node .. ',', 1, true) ~= nil end

local function isOnNoNode(holders) return holders == LEAVING or holders == UNTOLD end

local function withoutMe(holders)
  local others = {}
  for name in string.gmatch(holders, '[^,]+') do
    if name ~= r.node then table.insert(others, name) end
  end
  return table.concat(others, ',')
end

local function expect(id, mark, info, deadline)
  put(id, mark, info)
  leavingCount = leavingCount + 1
  redis.call('ZADD', leavingKey, text(deadline), id)
  due = math.min(due or deadline, deadline)
end

local function expectNoMore(id)
  leavingCount = leavingCount - 1
  redis.call('ZREM', leavingKey, id)
end

local function remove(id, isTold)
  local holders = member(id)
  if isOnNoNode(holders) then expectNoMore(id) end
  set('@' .. id, false)
  memberCount = memberCount - 1
  if isTold then emit({ name = 'member_removed', user_id = id }) end
  announce('removed', id)
end

local function join(id, info, isRefusable, isAgain)
  local holders, known = member(id)
  if not holders then
    if isRefusable and r.maximumMembers and memberCount >= r.maximumMembers then
      table.insert(reply.refused, id)
      return
    end
    memberCount = memberCount + 1
    put(id, r.node, info)
    if not (isAgain and isLost) then emit({ name = 'member_added', user_id = id }) end
    announce('added', id, info)
    return
  end
  -- Another node may have reported a newer info since.
  if isAgain then info = known end
  local wasLeaving = isOnNoNode(holders)
  if wasLeaving then
    expectNoMore(id)
    -- Gone was told of the member, by a report that Redis has lost since.
    if holders == UNTOLD and not isAgain then emit({ name = 'member_added', user_id = id }) end
    holders = r.node
  elseif not isHolder(holders) then
    holders = holders .. ',' .. r.node
  end
  put(id, holders, info)
  -- A node that could not reach Redis may have removed the user from its own roster, so the join is announced.
  if wasLeaving or info ~= known then announce('added', id, info) end
end

local function leave(id, isDeliberate)
  local holders, info = member(id)
  if not holders or not isHolder(holders) then return end
  holders = withoutMe(holders)
  local deadline = (r.since or now) + (isDeliberate and 0 or graceMs)
  -- Another node may have the user too, or may think so, and may not have reported it again yet.
  if isUnsure then deadline = now + math.max(graceMs, claimMs) end
  if holders ~= '' then
    -- If the others turn out to have the user no more, the user left with this node.
    if isUnsure then
      redis.call('ZADD', leavingKey, text(deadline), id)
      due = math.min(due or deadline, deadline)
    end
    return put(id, holders, info)
  end
  if deadline <= now then remove(id, true) else expect(id, LEAVING, info, deadline) end
end

-- The member was told gone, before Redis lost that. Another node may have the member, and report that again.
local function disbelieve(id, info) expect(id, UNTOLD, info, now + claimMs) end

-- Redis has the member from this node, and the node says that it does not. That was told before Redis lost it.
local function drop(id, isExpected)
  local holders, info = member(id)
  holders = withoutMe(holders)
  if holders ~= '' then return put(id, holders, info) end
  if isExpected or redis.call('ZSCORE', leavingKey, id) then
    expect(id, LEAVING, info, now + math.max(graceMs, claimMs))
  else
    disbelieve(id, info)
  end
end

local function eachMember(use)
  local ids = {}
  for _, name in ipairs(order) do
    if string.sub(name, 1, 1) == '@' then table.insert(ids, string.sub(name, 2)) end
  end
  for _, id in ipairs(ids) do
    local holders, info = member(id)
    if holders then use(id, holders, info) end
  end
end

local function endGrace()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', leavingKey, '-inf', r.isLast and '+inf' or text(now))) do
    local holders = member(id)
    if holders and isOnNoNode(holders) then
      remove(id, holders == LEAVING)
    else
      redis.call('ZREM', leavingKey, id)
    end
  end
  -- Redis has evicted the deadlines.
  if leavingCount > redis.call('ZCARD', leavingKey) then
    readAll()
    eachMember(function(id, holders)
      if isOnNoNode(holders) and not redis.call('ZSCORE', leavingKey, id) then remove(id, holders == LEAVING) end
    end)
  end
  due = tonumber(redis.call('ZRANGE', leavingKey, 0, 0, 'WITHSCORES')[2])
  if vacates and (r.isLast or vacates <= now) then vacates = nil end
end

local function vacate()
  emit({ name = 'channel_vacated' })
  set('told', nil)
  set('missed', nil)
  leavingCount, due, vacates = 0, nil, nil
end

local function removeUntold()
  eachMember(function(id, holders)
    if holders == UNTOLD then remove(id, false) end
  end)
end

local isClaimed, isExpected, isLeaving = {}, {}, {}

-- Whether this node may know of members whom no node before it has restored. It knows of none if its roster was not newer than
-- theirs, or is one of this record: whoever is missing now has left since. A node without subscriptions has no whole roster.
local function knowsMore(isBehind)
  local known, began = 0, math.max(micros, version + 1)
  if restoredAt and not isBehind then known, began = restoredFrom, restoredAt end
  local isWhole = (r.subscriptions or 0) > 0
  local isNewer = full.rosterVersion > known and full.rosterVersion < began
  set('restored', text(isWhole and isNewer and full.rosterVersion or known) .. ' ' .. text(began))
  return isNewer or not isWhole
end

-- Redis has lost what this node knows: makes it as it was before, without a word. The node does not know of members that others
-- have reported since.
local function restore(isBehind)
  if isLost then setNode(r.node, full.wasSubscribed and 1 or nil, 0) end
  -- No other node has subscriptions, or a grace period to end.
  local isAlone = next(nodes) == nil or (next(nodes) == r.node and next(nodes, r.node) == nil)
  eachMember(function(id, holders, info)
    if isLost and isHolder(holders) and not isClaimed[id] then return drop(id, isExpected[id]) end
    if isClaimed[id] or isExpected[id] or holders == UNTOLD then return end
    if isOnNoNode(holders) then
      if isBehind or (isLost and isAlone) then remove(id, false) end
    elseif isBehind then
      disbelieve(id, info)
    end
  end)
  if nodeCount == 0 then removeUntold() end
  if isLost and isAlone then vacates = nil end
  -- The members who were present elsewhere. Their nodes report them again; otherwise they leave.
  for _, user in ipairs(knowsMore(isBehind) and full.unclaimed or {}) do
    local id, deadline = user[1], now + math.max(graceMs, claimMs)
    local holders = member(id)
    if not holders then
      memberCount = memberCount + 1
      expect(id, LEAVING, user[2], deadline)
      announce('added', id, user[2])
    elseif holders == LEAVING then
      redis.call('ZADD', leavingKey, text(deadline), id)
    end
  end
  if full.wasVacating and not isOccupied() then vacates = now + math.max(graceMs, claimMs) end
end

-- Redis has something else of this node than the node has reported, and has lost nothing.
local function correct()
  eachMember(function(id, holders)
    if isHolder(holders) and not isClaimed[id] then leave(id, false) end
  end)
end

-- As it was told last. A user's watchers may have read what Redis had.
local wasOccupied, wasOnline, hadOnline = isOccupied(), nodeCount > 0, nodeCount > 0

if full then
  for _, user in ipairs(full.reported) do isClaimed[user[1]] = true end
  -- A member who joins, and whom a Redis with older data has already, was told gone since.
  if not isLost then
    for _, user in ipairs(r.joins or {}) do isClaimed[user[1]] = true end
    for _, id in ipairs(full.waiting) do isClaimed[id] = true end
  end
  for _, user in ipairs(r.leaves or {}) do isLeaving[user[1]] = true end
  for _, user in ipairs(full.unclaimed) do isExpected[user[1]] = true end
  local isBehind = version < full.rosterVersion
  version = math.max(version, full.rosterVersion)
  if isLost or isBehind then
    restore(isBehind)
    wasOccupied, wasOnline = isOccupied(), nodeCount > 0
  end
  if mine and not isLost then correct() end
  for _, user in ipairs(full.reported) do
    -- A user who left while Redis had lost its data is added first, so that the leave is announced.
    if isLost or not isLeaving[user[1]] then join(user[1], user[2], false, true) end
  end
end

-- Nobody is waited for any longer than without a loss.
if r.areAllBack and leavingCount > 0 then
  local latest = now + graceMs
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', leavingKey, '(' .. text(latest), '+inf')) do
    redis.call('ZADD', leavingKey, text(latest), id)
  end
  due = math.min(due or latest, latest)
end
if r.areAllBack and vacates then vacates = math.min(vacates, now + graceMs) end

if r.removed then
  local holders = member(r.removed)
  if holders and isOnNoNode(holders) then
    redis.call('ZADD', leavingKey, 'XX', text(now), r.removed)
    due = now
  end
end
if r.isLast or (full and leavingCount > 0) or (due and due <= now) or (vacates and vacates <= now) then endGrace() end
if wasOccupied and not isOccupied() then
  vacate()
  wasOccupied = false
end
if isSync and r.subscriptions > 0 and not wasOccupied then
  emit({ name = 'channel_occupied' })
  wasOccupied = true
end

if isReap and not full then
  eachMember(function(id, holders)
    if isHolder(holders) then leave(id, false) end
  end)
end
for _, user in ipairs(r.joins or {}) do join(user[1], user[2], user[3] == 1, false) end
for _, user in ipairs(r.leaves or {}) do leave(user[1], user[2] == 1) end

local hadNodes, wasThere = nodeCount > 0, nodes[r.node] and nodes[r.node].subscriptions > 0
if isSync and r.subscriptions > 0 then
  setNode(r.node, r.subscriptions, r.report)
  vacates = nil
elseif r.mode ~= 'settle' then
  setNode(r.node, nil)
end
if nodeCount == 0 and leavingCount > 0 and r.mode ~= 'settle' then
  -- Nobody is left who could have such a member.
  readAll()
  removeUntold()
end
local isOnline = nodeCount > 0

if r.kind == 'user' and (wasOnline ~= isOnline or hadOnline ~= isOnline) then
  nextVersion()
  reply.status = { version = text(version), online = isOnline }
  publish(statusChannel, '"k":"status","r":"' .. text(version) .. '","online":' .. tostring(isOnline))
end

if isSync and r.isCached and r.subscriptions > 0 then
  local event, ttlMs = redis.call('GET', cacheKey), redis.call('PTTL', cacheKey)
  if not event and r.cachedEvent and r.cachedEvent.ttlMs > 0 then
    event, ttlMs = r.cachedEvent.text, r.cachedEvent.ttlMs
    redis.call('SET', cacheKey, event, 'PX', text(ttlMs))
  end
  if event then
    reply.cache = { text = event, ttlMs = ttlMs }
  elseif r.hasNewSubscribers and not get('missed') then
    set('missed', '1')
    emit({ name = 'cache_miss' })
  end
end

if r.hasCounts and r.kind == 'plain' then
  local total = 0
  for _, node in pairs(nodes) do total = total + node.subscriptions end
  local last, at = string.match(get('told') or '0 0', '(%d+) (%d+)')
  if total ~= tonumber(last) then
    local waitMs = tonumber(last) > ${LARGE_CHANNEL_SUBSCRIPTIONS} and ${LARGE_CHANNEL_COUNT_INTERVAL_MS} - (now - at) or 0
    if waitMs > 0 then
      reply.recountMs = waitMs
    else
      set('told', text(total) .. ' ' .. text(now))
      reply.count = total
      emit({ name = 'subscription_count', subscription_count = total })
      publish(state, '"k":"count","n":' .. cjson.encode(r.node) .. ',"count":' .. text(total))
    end
  end
end

-- If the other nodes turn out to have left, the channel is vacated with this one.
if isUnsure and wasThere and r.subscriptions == 0 and r.kind == 'plain' then
  vacates = vacates or now + math.max(graceMs, claimMs)
end
if wasOccupied and not isOccupied() then
  local deadline = (r.since or now) + (r.isLeaveDeliberate and 0 or graceMs)
  if r.kind == 'plain' and hadNodes and deadline > now then
    vacates = deadline
  else
    vacate()
  end
end

if leavingCount == 0 then due = nil end
local first = math.min(due or math.huge, vacates or math.huge)
if first < math.huge then
  reply.graceMs, reply.isVacating = math.max(0, first - now), vacates ~= nil
  if isSync and r.subscriptions == 0 and not r.isQuiet then setNode(r.node, 0, r.report) end
end
local entries = {}
for name, node in pairs(nodes) do table.insert(entries, name .. ' ' .. text(node.subscriptions) .. ' ' .. text(node.report)) end
if #entries > 0 or isOccupied() then
  set('version', version > 0 and text(version))
  set('nodes', #entries > 0 and table.concat(entries, ' '))
  set('members', memberCount > 0 and text(memberCount))
  set('leaving', leavingCount > 0 and text(leavingCount))
  set('due', due and text(due))
  set('vacates', vacates and text(vacates))
  save()
else
  redis.call('DEL', state, leavingKey)
end
if ownList and full and nodes[r.node] then redis.call('SADD', ownList, channel) end
for _, message in ipairs(messages) do redis.call(r.isSharded and 'SPUBLISH' or 'PUBLISH', message[1], message[2]) end
if r.report and #reply.events > 0 then
  redis.call('SET', replyKey, text(r.report) .. ' ' .. cjson.encode(reply.events), 'PX', ${REPLY_MS})
end

reply.version = text(version)
if r.kind == 'presence' and isSync and r.subscriptions > 0 and
  (r.isRosterWanted or (full and not r.isSettling and full.rosterVersion < versionBefore)) then
  reply.roster, reply.leaving = {}, {}
  eachMember(function(id, holders, info)
    if holders == UNTOLD then return end
    table.insert(reply.roster, id)
    table.insert(reply.roster, info)
    if holders == LEAVING then table.insert(reply.leaving, id) end
  end)
end
return cjson.encode(reply)
`;
