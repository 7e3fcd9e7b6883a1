import type { MemberEntry } from '../channels/local-members.js';

/**
 * The beginning of every script that changes a channel: reads and writes the channel's record, a hash. All that is known of a
 * channel is in it, so a Redis that deletes keys to save memory loses all of it or nothing.
 *
 * KEYS: the record. The other keys of the channel have the same hash tag, and so the same server; a request would be twice as long
 * with their names.
 *
 * | field | content |
 * |---|---|
 * | `version` | the version of the last change of the members, or of a user's status |
 * | `nodes` | for each node with subscriptions, or that waits for the end of a grace period: lease name, subscriptions, number of its
 * last report, all separated by spaces |
 * | `members`, `leaving` | how many members there are, and how many of them are on no node |
 * | `due` | when the first of these has to be looked at; never later than the first deadline in `:leaving` |
 * | `vacates` | when the grace period of a channel without subscriptions is over |
 * | `told` | the last `subscription_count`, and when it was announced |
 * | `missed` | `1` once `cache_miss` was emitted |
 * | `restored` | after a loss: the newest version of the roster from which a node has restored members, and when the first one did, in
 * microseconds; any version from then on is one of this record |
 * | `@<id>` | a member: the lease names of the nodes that have the member, then `\|`, then the info |
 *
 * A member on no node has a mark instead of lease names: nothing, while the grace period runs; `?` when the member was told gone, and
 * only older data of Redis has the member again. The sorted set `:leaving` has their deadlines.
 */
export const CHANNEL_RECORD = `
local state = KEYS[1]
local leavingKey, cacheKey, statusChannel = state .. ':leaving', state .. ':cache', state .. ':status'
local LEAVING, UNTOLD = '', '?'
-- Redis takes a few thousand arguments for one command.
local MOST_ARGUMENTS = 1000
local clock = redis.call('TIME')
local micros = clock[1] * 1000000 + clock[2]
local now = math.floor(micros / 1000)
local stored, written, isWhole = {}, {}, false
-- The names of the fields, in the order in which they came: so members stay in the order of their joins, as long as Redis keeps it.
local order, isInOrder = {}, {}

local function text(number) return string.format('%.0f', number) end

local function inParts(list, use)
  for first = 1, #list, MOST_ARGUMENTS do
    use({ unpack(list, first, math.min(first + MOST_ARGUMENTS - 1, #list)) })
  end
end

local function note(name)
  if isInOrder[name] then return end
  isInOrder[name] = true
  table.insert(order, name)
end

local function readAll()
  local all = redis.call('HGETALL', state)
  for index = 1, #all, 2 do
    note(all[index])
    stored[all[index]] = all[index + 1]
  end
  isWhole = true
end

local function read(names)
  inParts(names, function(part)
    for index, value in ipairs(redis.call('HMGET', state, unpack(part))) do stored[part[index]] = value end
  end)
end

local function get(name)
  if written[name] ~= nil then return written[name] end
  if stored[name] == nil then
    if isWhole then return false end
    stored[name] = redis.call('HGET', state, name)
  end
  return stored[name]
end

local function set(name, value)
  note(name)
  written[name] = value or false
end

local function save()
  local puts, deletes = {}, {}
  for _, name in ipairs(order) do
    local value = written[name]
    if value then
      if value ~= stored[name] then
        table.insert(puts, name)
        table.insert(puts, value)
      end
    elseif value == false and stored[name] then
      table.insert(deletes, name)
    end
  end
  inParts(puts, function(part) redis.call('HSET', state, unpack(part)) end)
  inParts(deletes, function(part) redis.call('HDEL', state, unpack(part)) end)
end
`;

/** A node on a channel, as the channel's record has it. */
export interface NodeEntry {
  readonly subscriptions: number;
  /** The number of the node's last report. */
  readonly report: number;
}

/** Reads the field `nodes`, by lease names. A text of any content is safe. */
export function readNodes(text: string): ReadonlyMap<string, NodeEntry> {
  const entries = text.matchAll(/(\S+) (\d{1,15}) (\d{1,15})/g);
  return new Map(
    [...entries].map(([, name = '', subscriptions, report]) => [
      name,
      { subscriptions: Number(subscriptions), report: Number(report) },
    ]),
  );
}

const MEMBER_FIELD = '@';
const UNTOLD = '?';

/** Reads the members of a record, each with the info, without those who were told gone. */
export function readMembers(record: Readonly<Record<string, string>>): readonly MemberEntry[] {
  return Object.entries(record).flatMap(([field, text]) => {
    const end = text.indexOf('|');
    if (!field.startsWith(MEMBER_FIELD) || text.slice(0, end) === UNTOLD) return [];
    return [[field.slice(MEMBER_FIELD.length), text.slice(end + 1)] as const];
  });
}

/** The part of a channel's record by which a node sees whether Redis has the right data. */
export interface ChannelLook {
  readonly nodes: ReadonlyMap<string, NodeEntry>;
  /** The version of the roster; 0 when there is no record. */
  readonly version: number;
  /** When a grace period is over, in milliseconds by Redis's clock; infinite when none is running. */
  readonly dueAt: number;
}
