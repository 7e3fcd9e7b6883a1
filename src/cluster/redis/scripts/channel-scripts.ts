/**
 * Stores the last event of a cache channel, and publishes it with its stamp. KEYS: cache, missed, bus. ARGV: the event, the
 * milliseconds to store it, the message without its last brace, 1 if messages are published by shard. Replies with the stamp.
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
 * Reads a channel. KEYS: nodes, members, cache, version. ARGV: 1 to read the cached event. Replies with the nodes'
 * subscriptions, the members, the cached event with its milliseconds, and the version. A channel without a version gets the
 * one that would come next.
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
