/** So many earlier epochs of a log are remembered. */
const EPOCHS = 8;

/**
 * Opens the log of a channel. `KEYS[1]` is its head, a hash, and `KEYS[2]` its events, a list; `ARGV[1]` is an epoch that no log has
 * had, `ARGV[2]` the milliseconds that an event is kept, and `ARGV[3]` those for which a head is remembered.
 *
 * A server that has started since, or has taken the place of another one, may have lost the last events. So the log goes on there
 * under another epoch, and the head says with which offset of the epoch before it began. A log without a head begins anew.
 */
const OPEN = `
local head, log = KEYS[1], KEYS[2]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local epoch, offset, bytes, lastServer, before = unpack(redis.call('HMGET', head, 'epoch', 'offset', 'bytes', 'server', 'before'))
local isNew = not epoch
local isOther = isNew or lastServer ~= server
local size = redis.call('LLEN', log)
offset, bytes, before = tonumber(offset or 0), tonumber(bytes or 0), before or ''
if isNew then
  redis.call('DEL', log)
  size = 0
elseif isOther then
  local epochs = { epoch .. '.' .. string.format('%.0f', offset) }
  for earlier in string.gmatch(before, '%S+') do
    if #epochs < ${EPOCHS} then table.insert(epochs, earlier) end
  end
  before = table.concat(epochs, ' ')
end
if size == 0 then bytes = 0 end
if isOther then epoch = ARGV[1] end

local function drop()
  local text = redis.call('LPOP', log)
  bytes = bytes - #text
  size = size - 1
end

local function expire()
  local first = size
  while size > 0 do
    local at = tonumber(string.match(redis.call('LINDEX', log, 0), '"at":(%d+)}$') or 0)
    if at + tonumber(ARGV[2]) > now then break end
    drop()
  end
  return first > size
end

local function save()
  redis.call('HSET', head, 'epoch', epoch, 'offset', string.format('%.0f', offset), 'bytes', bytes, 'server', server, 'before', before)
  redis.call('PEXPIRE', head, ARGV[3])
end
`;

/**
 * Keeps an event, and publishes it with its position. KEYS: as in {@link OPEN}; the channel's record, which is also the name of its
 * bus; the channel's cached event; and, where the event has a key, that key's. ARGV: as in {@link OPEN}; the message without its last
 * brace; 1 if it is published; 1 if messages are published by shard; the most events and the most bytes, 0 for any; 1 if there is room
 * for it; the milliseconds for which the key is remembered; the cached event, '' for none, and the milliseconds to store it.
 *
 * Replies with the epoch, the offset, 1 for an event whose key was there, how many were dropped for the bounds, and the stamp of a
 * cached event. An event with a known key keeps its position; it is published if it was not yet.
 */
export const APPEND_SCRIPT = `
${OPEN}
local bus, cache, once = KEYS[3], KEYS[4], KEYS[5]
local message, isPublished = ARGV[4], ARGV[5] == '1'
local function publish(text)
  if isPublished then redis.call(ARGV[6] == '1' and 'SPUBLISH' or 'PUBLISH', bus, text) end
end
if once then
  local known = redis.call('GET', once)
  if known then
    local knownEpoch, knownOffset, wasPublished = string.match(known, '^(%w+)%.(%d+) (%d)$')
    if isPublished and wasPublished == '0' then
      redis.call('SET', once, knownEpoch .. '.' .. knownOffset .. ' 1', 'PX', ARGV[10])
      publish(message .. ',"pos":"' .. knownEpoch .. '.' .. knownOffset .. '","at":' .. string.format('%.0f', now) .. '}')
    end
    return { knownEpoch, knownOffset, 1, 0, '' }
  end
end
local stamp = ''
if ARGV[11] ~= '' then
  local time = clock[1] * 1000000 + clock[2]
  local last = tonumber(string.match(redis.call('GET', cache) or '', '^(%d+)') or 0)
  if time <= last then time = last + 1 end
  stamp = string.format('%.0f', time)
  redis.call('SET', cache, stamp .. ARGV[11], 'PX', ARGV[12])
  redis.call('HDEL', bus, 'missed')
  message = message .. ',"s":' .. stamp
end
offset = offset + 1
local position = epoch .. '.' .. string.format('%.0f', offset)
local text = message .. ',"pos":"' .. position .. '","at":' .. string.format('%.0f', now) .. '}'
local mostEvents, mostBytes = tonumber(ARGV[7]), tonumber(ARGV[8])
local dropped = 0
if ARGV[9] == '1' then
  size = redis.call('RPUSH', log, text)
  bytes = bytes + #text
  while size > 0 and ((mostEvents > 0 and size > mostEvents) or (mostBytes > 0 and bytes > mostBytes)) do
    drop()
    dropped = dropped + 1
  end
  if size > 1 then expire() end
  redis.call('PEXPIRE', log, ARGV[2])
else
  dropped = size + 1
  redis.call('DEL', log)
  bytes = 0
end
save()
if once then redis.call('SET', once, position .. (isPublished and ' 1' or ' 0'), 'PX', ARGV[10]) end
publish(text)
return { epoch, string.format('%.0f', offset), 0, dropped, stamp }
`;

/**
 * Reads the events after a position. KEYS and ARGV: as in {@link OPEN}; the epoch and the offset of the position, an empty epoch for the
 * live one; the most events, 0 for any. Replies with the gap ('' for none), the epoch and the offset of the live position, and the
 * events.
 */
export const SINCE_SCRIPT = `
${OPEN}
if expire() or isOther then save() end
local since, limit = tonumber(ARGV[5]), tonumber(ARGV[6])
local function reply(gap, events)
  return { gap, epoch, string.format('%.0f', offset), events }
end
if ARGV[4] == '' then
  redis.call('PEXPIRE', head, ARGV[3])
  return reply('', {})
end
local isKnown = ARGV[4] == epoch and since <= offset
for earlier, last in string.gmatch(before, '(%w+)%.(%d+)') do
  if earlier == ARGV[4] and since <= tonumber(last) then isKnown = true end
end
if not isKnown then return reply('restarted', {}) end
local first = since - (offset - size)
if first < 0 then return reply('trimmed', {}) end
if since == offset then return reply('', {}) end
return reply('', redis.call('LRANGE', log, first, limit == 0 and -1 or first + limit - 1))
`;

/**
 * Reads the last events before a position. KEYS and ARGV: as in {@link SINCE_SCRIPT}; with an empty epoch, those before the live one.
 * Replies with the epoch, the offset before the first of the events, and the events.
 */
export const LATEST_SCRIPT = `
${OPEN}
if expire() or isOther then save() end
local stop = offset
if ARGV[4] ~= '' then
  local isKnown = ARGV[4] == epoch
  for earlier in string.gmatch(before, '(%w+)%.%d+') do
    if earlier == ARGV[4] then isKnown = true end
  end
  if not isKnown then return { epoch, '0', {} } end
  stop = math.min(offset, tonumber(ARGV[5]) - 1)
end
local base = offset - size
local limit = tonumber(ARGV[6])
local start = limit == 0 and base or math.max(base, stop - limit)
if stop <= start then return { epoch, string.format('%.0f', start), {} } end
return { epoch, string.format('%.0f', start), redis.call('LRANGE', log, start - base, stop - base - 1) }
`;
