import { CACHE_TTL_MS } from '../../../ports/cluster.js';
import { type Script, script } from '../../../redis/redis-scripts.js';

/** So many earlier epochs of a log are remembered. */
const EPOCHS = 8;

/** A log that never had an event is remembered for so long: a stranger may cause it. */
const UNUSED_MS = 60 * 60 * 1_000;

/** How the events of one call of {@link HistoryScripts.append} are, in letters: all of them are alike. */
export const APPENDED = {
  /** They are of cache channels, which remember them. */
  areCached: 'c',
  /** They have keys, under which each comes once. */
  haveKeys: 'k',
  /** There is no room for them, so they only get a position. */
  isFull: 'f',
} as const;

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

/** Begins every script: the time, and the server that runs it. `ARGV[1]` is its run id, or '' where the caller does not know it. */
const SERVER = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local server = ARGV[1]
if server == '' then server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') end
-- No two calls of a server have the same time, and the servers differ. A call that opens several logs counts them.
local opened = 0
`;

/**
 * Opens the log of a channel, after {@link SERVER}: `head` is the key of its head, a hash, and `log` that of its events, a list.
 *
 * A server that has started since, or has taken the place of another one, may have lost the last events. So the log goes on there
 * under another epoch, and the head says with which offset of the epoch before it began. A log without a head begins anew.
 *
 * This text and those below are put in line where they are used: Lua would make a function at each call of the script.
 */
const OPEN = `
local fields = redis.call('HMGET', head, 'epoch', 'offset', 'bytes', 'server', 'kept')
local epoch, offset, bytes, kept = fields[1], tonumber(fields[2] or 0), tonumber(fields[3] or 0), tonumber(fields[5] or 0)
if fields[4] ~= server then
  local before = ''
  if epoch then
    local epochs = { epoch .. '.' .. offset }
    for earlier in string.gmatch(redis.call('HGET', head, 'before') or '', '%S+') do
      if #epochs < ${EPOCHS} then table.insert(epochs, earlier) end
    end
    before = table.concat(epochs, ' ')
  elseif redis.call('LLEN', log) > 0 then
    -- Only if there is one: Redis lets a script that has deleted something write more than there is memory for.
    redis.call('DEL', log)
  end
  epoch = string.sub(server, 1, 6) .. string.format('%x%02x', clock[1] * 1000000 + clock[2], opened)
  opened = opened + 1
  redis.call('HSET', head, 'epoch', epoch, 'offset', offset, 'server', server, 'before', before)
  kept = 0
end
`;

/** An append looks at the bounds after so many events, and every question does: several events are dropped as fast as one. */
const DROPPED_AT_ONCE = 16;

/** Drops the oldest event. */
const DROP = `
    bytes = bytes - #redis.call('LPOP', log)
    size = size - 1
`;

/** Drops the events that are over a bound, and those that are too old. `dropped` counts the former. */
const trim = ({ ageMs, events, bytes }: LogBounds) => `
  ${
    events === 0
      ? ''
      : `if size > ${events} then
    for _, text in ipairs(redis.call('LPOP', log, size - ${events})) do bytes = bytes - #text end
    dropped = dropped + size - ${events}
    size = ${events}
  end`
  }
  while size > 0 and ${bytes === 0 ? 'false' : `bytes > ${bytes}`} do
    ${DROP}
    dropped = dropped + 1
  end
  while size > 0 do
    local at = tonumber(string.match(redis.call('LINDEX', log, 0), '"at":(%d+)}$') or 0)
    if at + ${ageMs} > now then break end
    ${DROP}
  end
`;

/** Has Redis keep the log. It expires some time after the age at the earliest, so that Redis need not be told at every event. */
const keep = ({ ageMs, headMs }: LogBounds) => `
if kept + ${Math.floor(ageMs / 2)} <= now then
  redis.call('HSET', head, 'kept', now)
  redis.call('PEXPIRE', head, offset == 0 and ${UNUSED_MS + ageMs} or ${headMs + ageMs})
  redis.call('PEXPIRE', log, ${2 * ageMs})
end
`;

/**
 * Keeps events, and publishes each with its position. KEYS, for each event: the head and the events of its log; the channel's record,
 * which is also the name of its bus; the channel's cached event, if the events are cached; and the event's key, if they have keys.
 *
 * ARGV: as in {@link SERVER}; the command that publishes, or '' if the events are not published; how the events are, which is some of
 * the letters of {@link APPENDED}; and for each event its message without the last brace, and the cached event, if they are cached.
 *
 * Replies for each event with the error, or with its position, and after a space each: 1 for an event whose key was there, how many
 * were dropped for the bounds, and the stamp of a cached event. An event with a known key keeps its position; it is published if it was
 * not yet.
 */
const append = (bounds: LogBounds) => `
${SERVER}
local publish, areCached = ARGV[2], string.find(ARGV[3], '${APPENDED.areCached}')
local haveKeys, isFull = string.find(ARGV[3], '${APPENDED.haveKeys}'), string.find(ARGV[3], '${APPENDED.isFull}')

local function append(head, log, bus, cache, once, message, cached)
  if once then
    local known = redis.call('GET', once)
    if known then
      local position, wasPublished = string.match(known, '^(%S+) (%d)$')
      if publish ~= '' and wasPublished == '0' then
        redis.call('SET', once, position .. ' 1', 'PX', ${bounds.keyMs})
        redis.call(publish, bus, message .. ',"pos":"' .. position .. '","at":' .. now .. '}')
      end
      return position .. ' 1 0 '
    end
  end
  ${OPEN}
  local stamp = ''
  if cached then
    local time = clock[1] * 1000000 + clock[2]
    local last = tonumber(string.match(redis.call('GET', cache) or '', '^(%d+)') or 0)
    if time <= last then time = last + 1 end
    stamp = string.format('%.0f', time)
    redis.call('SET', cache, stamp .. cached, 'PX', ${CACHE_TTL_MS})
    redis.call('HDEL', bus, 'missed')
    message = message .. ',"s":' .. stamp
  end
  offset = offset + 1
  local number = string.format('%d', offset)
  local position = epoch .. '.' .. number
  local text = message .. ',"pos":"' .. position .. '","at":' .. string.format('%d', now) .. '}'
  local dropped = 0
  if isFull then
    dropped = redis.call('LLEN', log) + 1
    redis.call('DEL', log)
    bytes = 0
  else
    local size = redis.call('RPUSH', log, text)
    bytes = size == 1 and #text or bytes + #text
    if offset % ${DROPPED_AT_ONCE} == 0 then ${trim(bounds)} end
    if size == 1 then kept = 0 end
  end
  redis.call('HSET', head, 'offset', number, 'bytes', string.format('%d', bytes))
  ${keep(bounds)}
  if once then redis.call('SET', once, position .. (publish == '' and ' 0' or ' 1'), 'PX', ${bounds.keyMs}) end
  if publish ~= '' then redis.call(publish, bus, text) end
  if dropped == 0 and stamp == '' then return position end
  return position .. ' 0 ' .. dropped .. ' ' .. stamp
end

local replies, key, value = {}, 1, 4
while key <= #KEYS do
  local head, log, bus, cache, once = KEYS[key], KEYS[key + 1], KEYS[key + 2], nil, nil
  key = key + 3
  if areCached then cache, key = KEYS[key], key + 1 end
  if haveKeys then once, key = KEYS[key], key + 1 end
  local message, cached = ARGV[value], areCached and ARGV[value + 1]
  value = value + (areCached and 2 or 1)
  local isDone, reply = pcall(append, head, log, bus, cache, once, message, cached)
  replies[#replies + 1] = isDone and reply or redis.error_reply(type(reply) == 'table' and reply.err or tostring(reply))
end
return replies
`;

/** Opens a log for a question: what is too old is not in the answer. */
const look = (bounds: LogBounds) => `
local head, log = KEYS[1], KEYS[2]
${SERVER}
${OPEN}
local size, dropped = redis.call('LLEN', log), 0
local first = size
${trim(bounds)}
if first > size then redis.call('HSET', head, 'bytes', bytes) end
${keep(bounds)}
local known = epoch .. '.' .. offset .. ' ' .. (redis.call('HGET', head, 'before') or '')
local function reaches(other, upTo)
  for earlier, last in string.gmatch(known, '(%w+)%.(%d+)') do
    if earlier == other then return upTo <= tonumber(last) end
  end
  return false
end
`;

/**
 * Reads the events after a position. KEYS: the head and the events of the log. ARGV: as in {@link SERVER}; the epoch and the offset of
 * the position, an empty epoch for the live one; the most events, 0 for any. Replies with how many events were dropped for the bounds,
 * the gap ('' for none), the epoch and the offset of the live position, the events, and the offset with which the present epoch began.
 */
const since = (bounds: LogBounds) => `
${look(bounds)}
local from, limit = tonumber(ARGV[3]), tonumber(ARGV[4])
local function reply(gap, events)
  return { dropped, gap, epoch, offset, events, string.match(known, '^%S+ %w+%.(%d+)') or '0' }
end
if ARGV[2] == '' then return reply('', {}) end
if not reaches(ARGV[2], from) then return reply('restarted', {}) end
local first = from - (offset - size)
if first < 0 then return reply('trimmed', {}) end
if from == offset then return reply('', {}) end
return reply('', redis.call('LRANGE', log, first, limit == 0 and -1 or first + limit - 1))
`;

/**
 * Reads the last events before a position. KEYS and ARGV: as in {@link since}; with an empty epoch, those before the live one. Replies
 * with how many events were dropped for the bounds, the epoch, the offset before the first of the events, and the events.
 */
const latest = (bounds: LogBounds) => `
${look(bounds)}
local stop = offset
if ARGV[2] ~= '' then
  if not reaches(ARGV[2], 0) then return { dropped, epoch, 0, {} } end
  stop = math.min(offset, tonumber(ARGV[3]) - 1)
end
local base = offset - size
local limit = tonumber(ARGV[4])
local start = limit == 0 and base or math.max(base, stop - limit)
if stop <= start then return { dropped, epoch, start, {} } end
return { dropped, epoch, start, redis.call('LRANGE', log, start - base, stop - base - 1) }
`;
