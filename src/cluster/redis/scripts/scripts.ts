/**
 * Says that a node is alive, and who is not. KEYS: nodes, epoch, heard, claims. ARGV: node, milliseconds of a lease, a
 * name for the data if it has none, whether the node is new, milliseconds of silence, the nodes that it is clearing away.
 *
 * Answers the epoch, whether the node's lease was good, and whom the caller has to clear away: nodes whose leases are
 * over, each with when it was last heard of. A node that is claimed so is no node any more, whatever it says.
 *
 * When nobody was heard of for a while, Redis was away and not the nodes: then nobody's lease is over before everybody had
 * the time to renew it.
 */
export const RENEW_SCRIPT = `
local nodes, epoch, heard, claims = unpack(KEYS)
local node, leaseMs, silenceMs = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[5])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function text(number) return string.format('%.0f', number) end

redis.call('SET', epoch, ARGV[3], 'NX')
local last, patience = string.match(redis.call('GET', heard) or '', '(%d+) (%d+)')
last, patience = tonumber(last or now), tonumber(patience or 0)
if now - last > silenceMs then patience = now + leaseMs end
redis.call('SET', heard, text(now) .. ' ' .. text(patience))

local isGood = redis.call('ZSCORE', nodes, node)
if isGood or ARGV[4] == '1' then redis.call('ZADD', nodes, text(now), node) end

local over = {}
if now >= patience then
  local silent = redis.call('ZRANGEBYSCORE', nodes, '-inf', '(' .. text(now - leaseMs), 'WITHSCORES')
  for index = 1, #silent, 2 do
    redis.call('ZREM', nodes, silent[index])
    redis.call('HSET', claims, silent[index], silent[index + 1] .. ' 0')
  end
end
for _, cleared in ipairs(cjson.decode(ARGV[6])) do
  local claim = redis.call('HGET', claims, cleared)
  if claim then redis.call('HSET', claims, cleared, string.match(claim, '%d+') .. ' ' .. text(now)) end
end
local claimed = redis.call('HGETALL', claims)
for index = 1, #claimed, 2 do
  local since, at = string.match(claimed[index + 1], '(%d+) (%d+)')
  if now - at > leaseMs then
    redis.call('HSET', claims, claimed[index], since .. ' ' .. text(now))
    table.insert(over, claimed[index])
    table.insert(over, since)
  end
end
return { redis.call('GET', epoch), isGood and 1 or 0, over }
`;

/**
 * Gives a node's lease up. KEYS: nodes, claims, resigned. ARGV: node, milliseconds of a lease, milliseconds until others
 * may clear away what is left of it.
 *
 * Answers whether other nodes are alive. Where none is, everything that any node has left is the caller's to clear away.
 */
export const RESIGN_SCRIPT = `
local nodes, claims, resigned = unpack(KEYS)
local leaseMs = tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function text(number) return string.format('%.0f', number) end

redis.call('ZADD', nodes, 'XX', text(now - leaseMs + ARGV[3]), ARGV[1])
redis.call('SADD', resigned, ARGV[1])
for _, node in ipairs(redis.call('ZRANGEBYSCORE', nodes, text(now - leaseMs), '+inf')) do
  if redis.call('SISMEMBER', resigned, node) == 0 then return 1 end
end
for _, node in ipairs(redis.call('ZRANGE', nodes, 0, -1)) do
  redis.call('HSET', claims, node, '0 ' .. text(now))
end
redis.call('DEL', nodes, resigned)
return 0
`;

/**
 * Remembers a cache channel's latest event, and sends it with a stamp that says so. KEYS: cache, missed, bus. ARGV: event,
 * milliseconds, the message without its last brace, whether messages travel by shard. Answers the stamp.
 */
export const REMEMBER_SCRIPT = `
local clock = redis.call('TIME')
local stamp = clock[1] * 1000000 + clock[2]
local last = tonumber(string.match(redis.call('GET', KEYS[1]) or '', '^(%d+)') or 0)
if stamp <= last then stamp = last + 1 end
local text = string.format('%.0f', stamp)
redis.call('SET', KEYS[1], text .. ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
redis.call(ARGV[4] == '1' and 'SPUBLISH' or 'PUBLISH', KEYS[3], ARGV[3] .. ',"s":' .. text .. '}')
return text
`;

/**
 * What is known of a channel. KEYS: nodes, members, cache, version. ARGV: whether to tell the cached event. Answers the nodes' subscriptions, the members, the
 * cached event with its milliseconds, and the version: of what is not there, the one that would come next.
 */
export const LOOK_SCRIPT = `
local clock = redis.call('TIME')
return {
  redis.call('HVALS', KEYS[1]),
  redis.call('HKEYS', KEYS[2]),
  ARGV[1] == '1' and redis.call('GET', KEYS[3]) or '',
  redis.call('PTTL', KEYS[3]),
  redis.call('GET', KEYS[4]) or string.format('%.0f', clock[1] * 1000000 + clock[2])
}
`;
