/**
 * Renews a node's lease, and claims the leases that are over. KEYS: nodes, epoch, heard, claims. ARGV: the lease name, the
 * milliseconds of a lease, a name for the data if it has none, 1 if the lease is a new one, the milliseconds of silence,
 * the lease names that the node is reaping as a JSON list.
 *
 * Replies with the epoch, 1 if the node's lease was good, and the lease names that the caller has to reap, each with when it
 * was last renewed. A lease that is claimed cannot be renewed any more.
 *
 * When no node has renewed for a while, Redis was away and not the nodes. Then no lease is over before every node had the
 * time to renew its own.
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
for _, reaped in ipairs(cjson.decode(ARGV[6])) do
  local claim = redis.call('HGET', claims, reaped)
  if claim then redis.call('HSET', claims, reaped, string.match(claim, '%d+') .. ' ' .. text(now)) end
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

/** For so many milliseconds a node may send its clients away. Then it counts as one that takes clients again. */
const RETIREMENT_MS = 3_600_000;

/**
 * Marks a node as one that takes no more clients. KEYS: nodes, resigned, retired. ARGV: the lease name, the milliseconds of a
 * lease.
 *
 * Replies with 1 if another node is alive that takes clients.
 */
export const RETIRE_SCRIPT = `
local nodes, resigned, retired = unpack(KEYS)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

redis.call('SADD', retired, ARGV[1])
redis.call('PEXPIRE', retired, ${RETIREMENT_MS})
for _, node in ipairs(redis.call('ZRANGEBYSCORE', nodes, string.format('%.0f', now - ARGV[2]), '+inf')) do
  if redis.call('SISMEMBER', resigned, node) == 0 and redis.call('SISMEMBER', retired, node) == 0 then return 1 end
end
return 0
`;

/**
 * Gives a node's lease up. KEYS: nodes, claims, resigned, retired. ARGV: the lease name, the milliseconds of a lease, the milliseconds
 * until other nodes may reap what is left of it.
 *
 * Replies with 1 if other nodes are alive. If none is, the caller has to reap everything that any node has left.
 */
export const RESIGN_SCRIPT = `
local nodes, claims, resigned, retired = unpack(KEYS)
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
redis.call('DEL', nodes, resigned, retired)
return 0
`;
