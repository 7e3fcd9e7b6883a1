import { CACHE_TTL_MS } from '../../../ports/cluster.js';
import { type Script, script } from '../../../redis/redis-scripts.js';

/** So many earlier epochs of a log are remembered. */
const EPOCHS = 8;

/** A log that never had an event is remembered for so long: a stranger may cause it. */
const UNUSED_MS = 60 * 60 * 1_000;

/** The bounds of logs. They are in the texts of the scripts, so that no call has to send them. 0 is without a bound. */
export interface LogBounds {
  /** Milliseconds that an event is kept. */
  readonly ageMs: number;
  /** Milliseconds for which the head of a log is remembered after its last event or question: at least the age. */
  readonly headMs: number;
  readonly events: number;
  readonly bytes: number;
  /** Milliseconds for which the key of an event is remembered. */
  readonly keyMs: number;
}

/** The scripts of one configuration. */
export interface HistoryScripts {
  readonly append: Script;
  readonly since: Script;
  readonly latest: Script;
}

/** @see HistoryScripts */
export function historyScripts(bounds: LogBounds): HistoryScripts {
  return { append: script(append(bounds)), since: script(since(bounds)), latest: script(latest(bounds)) };
}

/**
 * Opens the log of a channel. `KEYS[1]` is its head, a hash, and `KEYS[2]` its events, a list; `ARGV[1]` is an epoch that no log has
 * had, and `ARGV[2]` the run id of the server, or '' where the caller does not know it.
 *
 * A server that has started since, or has taken the place of another one, may have lost the last events. So the log goes on there
 * under another epoch, and the head says with which offset of the epoch before it began. A log without a head begins anew.
 *
 * The keys expire some time after the age at the earliest, so that they need not be told at every event.
 */
const open = ({ ageMs, headMs }: LogBounds) => `
local head, log = KEYS[1], KEYS[2]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local server = ARGV[2]
if server == '' then server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') end
local fields = redis.call('HMGET', head, 'epoch', 'offset', 'bytes', 'server', 'kept')
local epoch, offset, bytes, kept = fields[1], tonumber(fields[2] or 0), tonumber(fields[3] or 0), tonumber(fields[5] or 0)
local isOther = fields[4] ~= server
local size
if isOther then
  local before = ''
  if epoch then
    local epochs = { epoch .. '.' .. string.format('%.0f', offset) }
    for earlier in string.gmatch(redis.call('HGET', head, 'before') or '', '%S+') do
      if #epochs < ${EPOCHS} then table.insert(epochs, earlier) end
    end
    before = table.concat(epochs, ' ')
  else
    redis.call('DEL', log)
  end
  epoch = ARGV[1]
  redis.call('HSET', head, 'epoch', epoch, 'offset', string.format('%.0f', offset), 'server', server, 'before', before)
  kept = 0
end

local function drop()
  bytes = bytes - #redis.call('LPOP', log)
  size = size - 1
end

local function expire()
  local first = size
  while size > 0 do
    local at = tonumber(string.match(redis.call('LINDEX', log, 0), '"at":(%d+)}$') or 0)
    if at + ${ageMs} > now then break end
    drop()
  end
  return first > size
end

local function keep()
  if kept + ${Math.floor(ageMs / 2)} > now then return end
  redis.call('HSET', head, 'kept', string.format('%.0f', now))
  redis.call('PEXPIRE', head, offset == 0 and ${UNUSED_MS + ageMs} or ${headMs + ageMs})
  redis.call('PEXPIRE', log, ${2 * ageMs})
end
`;

/**
 * Keeps an event, and publishes it with its position. KEYS: as in {@link open}; the channel's record, which is also the name of its
 * bus; the channel's cached event; and, where the event has a key, that key's. ARGV: as in {@link open}; the message without its last
 * brace; the command that publishes it, or '' if it is not published; 1 if there is room for it; and on cache channels the cached event.
 *
 * Replies with the position, and after a space each: 1 for an event whose key was there, how many were dropped for the bounds, and the
 * stamp of a cached event. An event with a known key keeps its position; it is published if it was not yet.
 */
const append = (bounds: LogBounds) => `
local bus, cache, once = KEYS[3], KEYS[4], KEYS[5]
local message, publish = ARGV[3], ARGV[4]
local isKept = ARGV[5] == '1'
if once then
  local known = redis.call('GET', once)
  if known then
    local position, wasPublished = string.match(known, '^(%S+) (%d)$')
    if publish ~= '' and wasPublished == '0' then
      redis.call('SET', once, position .. ' 1', 'PX', ${bounds.keyMs})
      redis.call(publish, bus, message .. ',"pos":"' .. position .. '","at":' .. redis.call('TIME')[1] .. '000}')
    end
    return position .. ' 1 0 '
  end
end
${open(bounds)}
local stamp = ''
if ARGV[6] then
  local time = clock[1] * 1000000 + clock[2]
  local last = tonumber(string.match(redis.call('GET', cache) or '', '^(%d+)') or 0)
  if time <= last then time = last + 1 end
  stamp = string.format('%.0f', time)
  redis.call('SET', cache, stamp .. ARGV[6], 'PX', ${CACHE_TTL_MS})
  redis.call('HDEL', bus, 'missed')
  message = message .. ',"s":' .. stamp
end
offset = offset + 1
local position = epoch .. '.' .. string.format('%.0f', offset)
local text = message .. ',"pos":"' .. position .. '","at":' .. string.format('%.0f', now) .. '}'
local dropped = 0
if isKept then
  size = redis.call('RPUSH', log, text)
  bytes = size == 1 and #text or bytes + #text
  while size > 0 and (${over(bounds)}) do
    drop()
    dropped = dropped + 1
  end
  if offset % 16 == 0 then expire() end
  if size == 1 then kept = 0 end
else
  dropped = redis.call('LLEN', log) + 1
  redis.call('DEL', log)
  bytes = 0
end
redis.call('HSET', head, 'offset', string.format('%.0f', offset), 'bytes', bytes)
keep()
if once then redis.call('SET', once, position .. (publish == '' and ' 0' or ' 1'), 'PX', ${bounds.keyMs}) end
if publish ~= '' then redis.call(publish, bus, text) end
return position .. ' 0 ' .. dropped .. ' ' .. stamp
`;

/** Whether a log is over a bound, in Lua. */
function over({ events, bytes }: LogBounds): string {
  const overs = [...(events > 0 ? [`size > ${events}`] : []), ...(bytes > 0 ? [`bytes > ${bytes}`] : [])];
  return overs.length === 0 ? 'false' : overs.join(' or ');
}

/** Opens a log for a question: what is too old is not in the answer. */
const look = (bounds: LogBounds) => `
${open(bounds)}
size = redis.call('LLEN', log)
if expire() then redis.call('HSET', head, 'bytes', bytes) end
keep()
local known = epoch .. '.' .. string.format('%.0f', offset) .. ' ' .. (redis.call('HGET', head, 'before') or '')
local function reaches(other, upTo)
  for earlier, last in string.gmatch(known, '(%w+)%.(%d+)') do
    if earlier == other then return upTo <= tonumber(last) end
  end
  return false
end
`;

/**
 * Reads the events after a position. KEYS and ARGV: as in {@link open}; the epoch and the offset of the position, an empty epoch for the
 * live one; the most events, 0 for any. Replies with the gap ('' for none), the epoch and the offset of the live position, the events,
 * and the offset with which the present epoch began.
 */
const since = (bounds: LogBounds) => `
${look(bounds)}
local from, limit = tonumber(ARGV[4]), tonumber(ARGV[5])
local function reply(gap, events)
  return { gap, epoch, string.format('%.0f', offset), events, string.match(known, '^%S+ %w+%.(%d+)') or '0' }
end
if ARGV[3] == '' then return reply('', {}) end
if not reaches(ARGV[3], from) then return reply('restarted', {}) end
local first = from - (offset - size)
if first < 0 then return reply('trimmed', {}) end
if from == offset then return reply('', {}) end
return reply('', redis.call('LRANGE', log, first, limit == 0 and -1 or first + limit - 1))
`;

/**
 * Reads the last events before a position. KEYS and ARGV: as in {@link since}; with an empty epoch, those before the live one. Replies
 * with the epoch, the offset before the first of the events, and the events.
 */
const latest = (bounds: LogBounds) => `
${look(bounds)}
local stop = offset
if ARGV[3] ~= '' then
  if not reaches(ARGV[3], 0) then return { epoch, '0', {} } end
  stop = math.min(offset, tonumber(ARGV[4]) - 1)
end
local base = offset - size
local limit = tonumber(ARGV[5])
local start = limit == 0 and base or math.max(base, stop - limit)
if stop <= start then return { epoch, string.format('%.0f', start), {} } end
return { epoch, string.format('%.0f', start), redis.call('LRANGE', log, start - base, stop - base - 1) }
`;
