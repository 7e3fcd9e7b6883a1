import type { AskAnswer, ChannelMessage, MemberAsk } from '../../ports/cluster.js';
import { LIMITS } from '../../ports/limits.js';
import { USER_CHANNEL_PREFIX } from '../../protocol/channel-name.js';
import { parseJsonObject } from '../../protocol/client-frame.js';
import { memberIdProblem } from '../../protocol/member-id.js';
import { readPosition } from '../../protocol/position.js';

/**
 * The version of the messages between nodes. A node reads its own version, the one before and the one after, so that a
 * cluster can be upgraded node by node. A new version may add fields and kinds, and must not change the existing ones.
 */
export const BUS_VERSION = 1;
const READABLE_VERSIONS: readonly unknown[] = [BUS_VERSION - 1, BUS_VERSION, BUS_VERSION + 1];
/** The clocks of Redis and this node differ by less than this. */
const MAX_AHEAD_MS = 24 * 60 * 60 * 1_000;

/** The longest time of a timer, in milliseconds. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The version of a roster after a change, and before it. */
interface ChangeVersions {
  readonly version: number;
  readonly previous: number;
}

/** A message from one node to the others. */
export type BusMessage =
  | {
      readonly kind: 'event';
      readonly node: string;
      readonly message: ChannelMessage;
      /** Only on cache channels: the event with the highest stamp is the last one. */
      readonly stamp: number | undefined;
      /** Only on channels with history: when it was kept, in milliseconds since the epoch. */
      readonly at: number | undefined;
    }
  | {
      readonly kind: 'users';
      readonly node: string;
      readonly message: ChannelMessage;
      /** The users' own channels. */
      readonly userChannels: readonly string[];
    }
  | { readonly kind: 'terminate'; readonly node: string }
  /** `replyTo` is the name that the asking node hears answers on. */
  | { readonly kind: 'ask'; readonly node: string; readonly replyTo: string; readonly ask: MemberAsk }
  | { readonly kind: 'answer'; readonly id: string; readonly answer: AskAnswer }
  /** Redis has lost the channel: the nodes that are on it report it again. */
  | { readonly kind: 'lost' }
  /** The channel may be another one than that on which the message comes: the user's own. */
  | { readonly kind: 'remove'; readonly node: string; readonly channel: string; readonly id: string }
  | ({ readonly kind: 'added'; readonly id: string; readonly info: string } & ChangeVersions)
  | ({ readonly kind: 'removed'; readonly id: string } & ChangeVersions)
  | { readonly kind: 'count'; readonly node: string; readonly count: number }
  | { readonly kind: 'status'; readonly version: number; readonly isOnline: boolean };

/** The texts with which the events of a node begin: those to a channel, and those to many users. */
export function eventsOf(node: string): readonly [toChannel: string, toUsers: string] {
  const rest = `","n":${JSON.stringify(node)},`;
  return [`{"v":${BUS_VERSION},"k":"event${rest}`, `{"v":${BUS_VERSION},"k":"users${rest}`];
}

/** Writes an event for the other nodes. A script may insert a stamp, a position and a time before the last brace. */
export function eventMessage(node: string, message: ChannelMessage): string {
  const { event, data, exceptSocketId, userId, isClientEvent } = message;
  const fields = { e: event, d: data, x: exceptSocketId, u: userId, c: isClientEvent };
  return JSON.stringify({ v: BUS_VERSION, k: 'event', n: node, ...fields });
}

/** The most users of one event. */
export const USERS_AT_ONCE = 1_000;
/** The most characters of so many users in a message. */
export const USERS_LENGTH = USERS_AT_ONCE * (LIMITS.channelNameLength + '"",'.length);

/** Writes an event for many users on the other nodes: the data once, and the users' ids as they are in their channels' names. */
export function usersMessage(node: string, userChannels: readonly string[], message: ChannelMessage): string {
  const { event, data, exceptSocketId } = message;
  const to = userChannels.map((channel) => channel.slice(USER_CHANNEL_PREFIX.length));
  return JSON.stringify({ v: BUS_VERSION, k: 'users', n: node, e: event, d: data, x: exceptSocketId, to });
}

/** Writes the message that ends a user's connections on the other nodes. */
export function terminateMessage(node: string): string {
  return JSON.stringify({ v: BUS_VERSION, k: 'terminate', n: node });
}

/** Writes the message that ends a user's subscriptions to a channel on the other nodes. */
export function removeMessage(node: string, channel: string, id: string): string {
  return JSON.stringify({ v: BUS_VERSION, k: 'remove', n: node, channel, id });
}

/** Writes the message that asks a user through the browsers on the other nodes. */
export function askMessage(node: string, replyTo: string, { id, event, json, timeoutMs }: MemberAsk): string {
  return JSON.stringify({
    v: BUS_VERSION,
    k: 'ask',
    n: node,
    to: replyTo,
    id,
    e: event,
    d: json,
    t: timeoutMs,
  });
}

/** Writes the message with a browser's answer, for the node that asked. */
export function answerMessage(id: string, answer: AskAnswer): string {
  const content = answer.error === undefined ? { d: answer.json } : { error: answer.error };
  return JSON.stringify({ v: BUS_VERSION, k: 'answer', id, ...content });
}

/**
 * Reads a message from another node. Anybody with access to Redis can send one, so nothing in it is trusted.
 *
 * @param timeMs now, in milliseconds since the epoch
 * @returns `undefined` when no node of a readable version sends such a message
 */
export function readBusMessage(text: string, timeMs: number): BusMessage | undefined {
  const fields = parseJsonObject(text);
  if (fields === undefined || !READABLE_VERSIONS.includes(fields['v'])) return undefined;
  // Versions and stamps begin with the time in microseconds. After one from the far future all others would be too old.
  const latest = (timeMs + MAX_AHEAD_MS) * 1_000;
  switch (fields['k']) {
    case 'event':
      return readEvent(fields, latest);
    case 'users':
      return readUsers(fields, latest);
    case 'terminate': {
      const node = fields['n'];
      return typeof node === 'string' ? { kind: 'terminate', node } : undefined;
    }
    case 'lost':
      return { kind: 'lost' };
    case 'ask':
      return readAsk(fields);
    case 'answer':
      return readAnswer(fields);
    case 'remove': {
      const { n: node, channel, id } = fields;
      if (typeof node !== 'string' || typeof channel !== 'string' || !isUserId(id)) return undefined;
      return { kind: 'remove', node, channel, id };
    }
    case 'added': {
      const { id, info } = fields;
      const versions = readVersions(fields, latest);
      if (versions === undefined || !isUserId(id) || typeof info !== 'string' || !isInfo(info)) {
        return undefined;
      }
      return { kind: 'added', ...versions, id, info };
    }
    case 'removed': {
      const { id } = fields;
      const versions = readVersions(fields, latest);
      return versions === undefined || !isUserId(id) ? undefined : { kind: 'removed', ...versions, id };
    }
    case 'count': {
      const { n: node, count } = fields;
      if (typeof node !== 'string' || typeof count !== 'number' || !isCount(count)) return undefined;
      return { kind: 'count', node, count };
    }
    case 'status': {
      const { online } = fields;
      const version = readVersion(fields['r'], latest);
      if (version === undefined || typeof online !== 'boolean') return undefined;
      return { kind: 'status', version, isOnline: online };
    }
    default:
      return undefined;
  }
}

function readUsers(fields: Readonly<Record<string, unknown>>, latest: number): BusMessage | undefined {
  const event = readEvent(fields, latest);
  const { to } = fields;
  if (event === undefined || !Array.isArray(to) || to.length > USERS_AT_ONCE || !to.every(isText)) {
    return undefined;
  }
  const { node, message } = event;
  return { kind: 'users', node, message, userChannels: to.map((id) => USER_CHANNEL_PREFIX + id) };
}

type EventMessage = Extract<BusMessage, { readonly kind: 'event' }>;

function readEvent(fields: Readonly<Record<string, unknown>>, latest: number): EventMessage | undefined {
  const { n: node, e: event, d: data, x: exceptSocketId, u: userId, c: isClientEvent, s: stamp } = fields;
  const { pos, at } = fields;
  const position = pos === undefined ? undefined : readPosition(pos);
  if (pos !== undefined && (position === undefined || typeof at !== 'number')) return undefined;
  if (typeof node !== 'string' || !isEventName(event) || !isTextOrAbsent(data)) return undefined;
  if (!isTextOrAbsent(exceptSocketId) || !isTextOrAbsent(userId)) return undefined;
  if (stamp !== undefined && (typeof stamp !== 'number' || !isCount(stamp) || stamp > latest)) {
    return undefined;
  }
  const message: ChannelMessage = {
    event,
    data,
    exceptSocketId,
    ...(userId !== undefined && { userId }),
    ...(isClientEvent === true && { isClientEvent }),
    ...(position !== undefined && { position }),
  };
  return { kind: 'event', node, message, stamp, at: typeof at === 'number' ? at : undefined };
}

function readAsk(fields: Readonly<Record<string, unknown>>): BusMessage | undefined {
  const { n: node, to: replyTo, id, e: event, d: json, t: timeoutMs } = fields;
  if (!isText(node) || !isText(replyTo) || !isText(id) || !isEventName(event) || !isJsonOrAbsent(json))
    return undefined;
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) return undefined;
  return { kind: 'ask', node, replyTo, ask: { id, event, json, timeoutMs } };
}

function readAnswer({ id, d: json, error }: Readonly<Record<string, unknown>>): BusMessage | undefined {
  if (!isText(id)) return undefined;
  if (isText(error)) return { kind: 'answer', id, answer: { error } };
  return error === undefined && isJsonOrAbsent(json) ? { kind: 'answer', id, answer: { json } } : undefined;
}

function isJsonOrAbsent(json: unknown): json is string | undefined {
  return json === undefined || (isText(json) && parseJson(json) !== undefined);
}

/** Names of the protocol's own events are reserved: only the server that holds the connection sends those. */
function isEventName(name: unknown): name is string {
  return typeof name === 'string' && name !== '' && !/^(?:pusher(?:_internal)?|switchboard):/.test(name);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isTextOrAbsent(value: unknown): value is string | undefined {
  return value === undefined || isText(value);
}

function isUserId(id: unknown): id is string {
  return memberIdProblem(id) === undefined;
}

/**
 * Info is empty, or JSON of no more bytes than a client may send. JSON of that size is never nested so deeply that writing
 * it again would fail.
 */
function isInfo(info: string): boolean {
  return info === '' || (info.length <= LIMITS.presenceDataBytes && parseJson(info) !== undefined);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function readVersions(fields: Readonly<Record<string, unknown>>, latest: number): ChangeVersions | undefined {
  const version = readVersion(fields['r'], latest);
  const previous = readVersion(fields['p'], latest);
  return version === undefined || previous === undefined ? undefined : { version, previous };
}

/** Versions are texts, because Lua would not write all digits of such a number. */
function readVersion(text: unknown, latest: number): number | undefined {
  if (typeof text !== 'string' || !/^\d{1,16}$/.test(text)) return undefined;
  const version = Number(text);
  return version <= latest ? version : undefined;
}

/** A user's info as text; empty when there is none. */
export function infoText(info: unknown): string {
  return info === undefined ? '' : JSON.stringify(info);
}

/** A user's info from the bus or a script; `undefined` when there is none, or when it is not valid. */
export function infoOf(text: string): unknown {
  return text !== '' && isInfo(text) ? parseJson(text)?.value : undefined;
}

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}
