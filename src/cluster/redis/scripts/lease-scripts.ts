/** For so long a lease name that was claimed is known, in milliseconds. */
const REAPED_MS = 3_600_000;

/**
 * Renews a node's lease, and claims the leases that are over. KEYS: nodes, heard, claims, reaped, resigned, awaited. ARGV: the
 * lease name, the milliseconds of a lease, when the node renewed the lease last (empty for a new lease), the milliseconds of silence,
 * the lease names that the node is reaping as a JSON list.
 *
 * Replies with
 * - what has become of the node's lease: `good`; `older` when Redis has an older renewal than the last one, so Redis has come back
 *   with older data; `lost` when Redis does not know the lease, although nobody has claimed it; `claimed`,
 * - now,
 * - the lease names that the caller has to reap, each with when it was last renewed,
 * - all nodes, each with when it last renewed (0 if it gave its lease up),
 * - the lease names that are claimed,
 * - to a new lease: the nodes that others wait for, because Redis has lost what they had reported.
 *
 * A lease that is claimed cannot be renewed any more. One that is lost has to be taken as a new one: until the node has read that,
 * Redis accepts none of its reports. In the other cases the lease is renewed.
 *
 * When no node has renewed for a while, Redis was away and not the nodes. Then no lease is over before every node had the
 * time to renew its own.
 */
export const RENEW_SCRIPT = `
local nodes, heard, claims, reaped, resigned, awaited = unpack(KEYS)
local node, leaseMs, renewed, silenceMs = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function text(number) return string.format('%.0f', number) end

local last, patience = string.match(redis.call('GET', heard) or '', '(%d+) (%d+)')
last, patience = tonumber(last or now), tonumber(patience or 0)
if now - last > silenceMs then patience = now + leaseMs end
redis.call('SET', heard, text(now) .. ' ' .. text(patience))

local state, score = 'good', tonumber(redis.call('ZSCORE', nodes, node) or nil)
if renewed and not score then
  local isClaimed = redis.call('HEXISTS', claims, node) == 1 or redis.call('ZSCORE', reaped, node)
  state = isClaimed and 'claimed' or 'lost'
elseif renewed and score < renewed then
  state = 'older'
end
if state == 'good' or state == 'older' then redis.call('ZADD', nodes, text(now), node) end

local over = {}
if now >= patience then
  local silent = redis.call('ZRANGEBYSCORE', nodes, '-inf', '(' .. text(now - leaseMs), 'WITHSCORES')
  for index = 1, #silent, 2 do
    redis.call('ZREM', nodes, silent[index])
    redis.call('HSET', claims, silent[index], silent[index + 1] .. ' 0')
    redis.call('ZADD', reaped, text(now), silent[index])
  end
  if #silent > 0 then redis.call('ZREMRANGEBYSCORE', reaped, '-inf', text(now - ${REAPED_MS})) end
end
for _, name in ipairs(cjson.decode(ARGV[5])) do
  local claim = redis.call('HGET', claims, name)
  if claim then redis.call('HSET', claims, name, string.match(claim, '%d+') .. ' ' .. text(now)) end
end
local names = redis.call('ZRANGE', nodes, 0, -1, 'WITHSCORES')
for index = 1, #names, 2 do
  if redis.call('SISMEMBER', resigned, names[index]) == 1 then names[index + 1] = '0' end
end
local claimed = redis.call('HGETALL', claims)
for index = 1, #claimed, 2 do
  local since, at = string.match(claimed[index + 1], '(%d+) (%d+)')
  if now - at > leaseMs then
    redis.call('HSET', claims, claimed[index], since .. ' ' .. text(now))
    table.insert(over, claimed[index])
    table.insert(over, since)
  end
  claimed[index + 1] = '0'
end
return { state, now, over, names, claimed, renewed and {} or redis.call('SMEMBERS', awaited) }
`;

/**
 * Claims lease names that no node has, so that they are reaped. KEYS: nodes, claims. ARGV: the lease names. A name that a node has is
 * left alone.
 */
export const CLAIM_SCRIPT = `
local nodes, claims = unpack(KEYS)
for _, name in ipairs(ARGV) do
  if not redis.call('ZSCORE', nodes, name) then redis.call('HSETNX', claims, name, '0 0') end
end
return 1
`;

/**
 * Lets one node look for channels that belong to nobody. KEYS: swept. ARGV: the milliseconds that have to lie between two looks.
 * Replies with 1 if the caller is that node.
 */
export const SWEEP_SCRIPT = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local last = tonumber(redis.call('GET', KEYS[1]) or 0)
if now >= last and now - last < tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], string.format('%.0f', now))
return 1
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
