/**
 * Says that a node is alive, and who is not. KEYS: nodes, epoch. ARGV: node, milliseconds of a lease, a name for the data
 * if it has none, whether the node is new. Answers the epoch, whether the node's lease was good, and the nodes whose
 * leases are over, each with when it was last heard of.
 */
export const RENEW_SCRIPT = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('SET', KEYS[2], ARGV[3], 'NX')
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
local isGood = score and now - score <= tonumber(ARGV[2])
if isGood or ARGV[4] == '1' then redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1]) end
local over = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - ARGV[2]), 'WITHSCORES')
return { redis.call('GET', KEYS[2]), isGood and 1 or 0, over }
`;

/**
 * Leaves a node's lease to end after so many milliseconds, for others to clear away what is left of it. KEYS: nodes, the
 * nodes that did so. ARGV: node, milliseconds of a lease, milliseconds. Answers how many other nodes are alive.
 */
export const RESIGN_SCRIPT = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[1], 'XX', string.format('%.0f', now - ARGV[2] + ARGV[3]), ARGV[1])
local others = 0
for _, node in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], string.format('%.0f', now - ARGV[2]), '+inf')) do
  if redis.call('SISMEMBER', KEYS[2], node) == 0 then others = others + 1 end
end
return others
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
 * What is known of a channel. KEYS: nodes, members, cache, version. Answers the nodes' subscriptions, the members, the
 * cached event with its milliseconds, and the version: of what is not there, the one that would come next.
 */
export const LOOK_SCRIPT = `
local clock = redis.call('TIME')
return {
  redis.call('HVALS', KEYS[1]),
  redis.call('HKEYS', KEYS[2]),
  redis.call('GET', KEYS[3]) or '',
  redis.call('PTTL', KEYS[3]),
  redis.call('GET', KEYS[4]) or string.format('%.0f', clock[1] * 1000000 + clock[2])
}
`;
