import type { ChannelMessage } from '../../ports/cluster.js';
import { LIMITS } from '../../ports/limits.js';
import { parseJsonObject } from '../../protocol/client-frame.js';

/**
 * The version of what travels between nodes. A node understands its own, the one before and the one after, so that a
 * cluster can be upgraded node by node: a new version may add fields and kinds, and must not change those that are there.
 */
export const BUS_VERSION = 1;
const UNDERSTOOD: readonly unknown[] = [BUS_VERSION - 1, BUS_VERSION, BUS_VERSION + 1];
/** Clocks differ, but not by more. */
const AHEAD_MS = 24 * 60 * 60 * 1_000;

/** What one node tells the others. */
export type BusMessage =
  | {
      readonly kind: 'event';
      readonly node: string;
      readonly message: ChannelMessage;
      /** Which of a cache channel's events is the latest: the one with the highest. */
      readonly stamp: number | undefined;
    }
  | { readonly kind: 'terminate'; readonly node: string }
  | { readonly kind: 'added'; readonly version: number; readonly id: string; readonly info: string }
  | { readonly kind: 'removed'; readonly version: number; readonly id: string }
  | { readonly kind: 'count'; readonly node: string; readonly count: number }
  | { readonly kind: 'status'; readonly version: number; readonly isOnline: boolean };

/** How every event of a node begins. */
export function eventsOf(node: string): string {
  return `{"v":${BUS_VERSION},"k":"event","n":${JSON.stringify(node)},`;
}

/** Writes an event for the other nodes. A script may still put a stamp before its last brace. */
export function eventMessage(node: string, message: ChannelMessage): string {
  const { event, data, exceptSocketId, userId, isClientEvent } = message;
  const fields = { e: event, d: data, x: exceptSocketId, u: userId, c: isClientEvent };
  return JSON.stringify({ v: BUS_VERSION, k: 'event', n: node, ...fields });
}

/** Tells the other nodes to end a user's connections. */
export function terminateMessage(node: string): string {
  return JSON.stringify({ v: BUS_VERSION, k: 'terminate', n: node });
}

/**
 * Reads what another node sent. Anybody who reaches Redis can send it, so it is believed as little as a stranger: it is
 * `undefined` when it is not what this version, the one before or the one after sends.
 *
 * @param time now, in milliseconds since the epoch
 */
export function readBusMessage(text: string, time = Date.now()): BusMessage | undefined {
  const fields = parseJsonObject(text);
  if (fields === undefined || !UNDERSTOOD.includes(fields['v'])) return undefined;
  // Versions and stamps begin with the time, in microseconds: one from the far future would silence all that follow.
  const latest = (time + AHEAD_MS) * 1_000;
  switch (fields['k']) {
    case 'event':
      return readEvent(fields, latest);
    case 'terminate': {
      const node = fields['n'];
      return typeof node === 'string' ? { kind: 'terminate', node } : undefined;
    }
    case 'added': {
      const { id, info } = fields;
      const roster = readVersion(fields, latest);
      if (roster === undefined || !isUserId(id) || typeof info !== 'string' || !isInfo(info))
        return undefined;
      return { kind: 'added', version: roster, id, info };
    }
    case 'removed': {
      const { id } = fields;
      const roster = readVersion(fields, latest);
      return roster === undefined || !isUserId(id) ? undefined : { kind: 'removed', version: roster, id };
    }
    case 'count': {
      const { n: node, count } = fields;
      if (typeof node !== 'string' || typeof count !== 'number' || !isCount(count)) return undefined;
      return { kind: 'count', node, count };
    }
    case 'status': {
      const { online } = fields;
      const status = readVersion(fields, latest);
      if (status === undefined || typeof online !== 'boolean') return undefined;
      return { kind: 'status', version: status, isOnline: online };
    }
    default:
      return undefined;
  }
}

function readEvent(fields: Readonly<Record<string, unknown>>, latest: number): BusMessage | undefined {
  const { n: node, e: event, d: data, x: exceptSocketId, u: userId, c: isClientEvent, s: stamp } = fields;
  if (typeof node !== 'string' || !isEventName(event) || !isTextOrAbsent(data)) return undefined;
  if (!isTextOrAbsent(exceptSocketId) || !isTextOrAbsent(userId)) return undefined;
  if (stamp !== undefined && (typeof stamp !== 'number' || !isCount(stamp) || stamp > latest))
    return undefined;
  const message: ChannelMessage = {
    event,
    data,
    exceptSocketId,
    ...(userId !== undefined && { userId }),
    ...(isClientEvent === true && { isClientEvent }),
  };
  return { kind: 'event', node, message, stamp };
}

/** Nobody but a server of the protocol may speak as the protocol. */
function isEventName(name: unknown): name is string {
  return typeof name === 'string' && name !== '' && !/^pusher(?:_internal)?:/.test(name);
}

function isTextOrAbsent(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}

function isUserId(id: unknown): id is string {
  return typeof id === 'string' && id !== '' && id.length <= LIMITS.memberIdLength;
}

/** Empty where there is none, else JSON; never more than a client may send, which is never too deep to be written again. */
function isInfo(info: string): boolean {
  return info === '' || (info.length <= LIMITS.presenceDataBytes && parseJson(info) !== undefined);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Versions are texts: some have more digits than Lua would write of a number. */
function readVersion(fields: Readonly<Record<string, unknown>>, latest: number): number | undefined {
  const text = fields['r'];
  const version = Number(text);
  return typeof text === 'string' && /^\d{1,16}$/.test(text) && version <= latest ? version : undefined;
}

/** The info of a user, as it travels. */
export function infoText(info: unknown): string {
  return info === undefined ? '' : JSON.stringify(info);
}

/** The info of a user who came by bus or script; `undefined` where there is none, and where it is not JSON. */
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
