/**
 * Stores the last event of a cache channel, and publishes it with its stamp. KEYS: the channel's record, which is also the name of
 * its bus, and cache. ARGV: the event, the milliseconds to store it, the message without its last brace, 1 if messages are published
 * by shard. Replies with the stamp.
 */
export const REMEMBER_SCRIPT = `
local state, cache = unpack(KEYS)
local clock = redis.call('TIME')
local stamp = clock[1] * 1000000 + clock[2]
local last = tonumber(string.match(redis.call('GET', cache) or '', '^(%d+)') or 0)
if stamp <= last then stamp = last + 1 end
local text = string.format('%.0f', stamp)
redis.call('SET', cache, text .. ARGV[1], 'PX', ARGV[2])
redis.call('HDEL', state, 'missed')
redis.call(ARGV[4] == '1' and 'SPUBLISH' or 'PUBLISH', state, ARGV[3] .. ',"s":' .. text .. '}')
return text
`;

/**
 * Reads whether users are signed in on any node. KEYS: the record of each user's own channel. Replies with 1 or 0 for each of them,
 * and with the versions. A channel without a version gets the one that would come next.
 */
export const STATUSES_SCRIPT = `
local clock = redis.call('TIME')
local unused = string.format('%.0f', clock[1] * 1000000 + clock[2])
local online, versions = {}, {}
for _, key in ipairs(KEYS) do
  local nodes, version = unpack(redis.call('HMGET', key, 'nodes', 'version'))
  table.insert(online, nodes and 1 or 0)
  table.insert(versions, version or unused)
end
return { online, versions }
`;
