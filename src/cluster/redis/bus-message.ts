import type { ChannelMessage } from '../../ports/cluster.js';
import { parseJsonObject } from '../../protocol/client-frame.js';

/**
 * The version of what travels between nodes. A node understands its own, the one before and the one after, so that a
 * cluster can be upgraded node by node: a new version may add fields and kinds, and must not change those that are there.
 */
export const BUS_VERSION = 1;

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
 */
export function readBusMessage(text: string): BusMessage | undefined {
  const fields = parseJsonObject(text);
  const version = fields?.['v'];
  if (fields === undefined || typeof version !== 'number' || Math.abs(version - BUS_VERSION) > 1)
    return undefined;
  switch (fields['k']) {
    case 'event':
      return readEvent(fields);
    case 'terminate': {
      const node = fields['n'];
      return typeof node === 'string' ? { kind: 'terminate', node } : undefined;
    }
    case 'added': {
      const { id, info } = fields;
      const roster = readVersion(fields);
      if (roster === undefined || !isUserId(id) || typeof info !== 'string' || !isInfo(info))
        return undefined;
      return { kind: 'added', version: roster, id, info };
    }
    case 'removed': {
      const { id } = fields;
      const roster = readVersion(fields);
      return roster === undefined || !isUserId(id) ? undefined : { kind: 'removed', version: roster, id };
    }
    case 'count': {
      const { n: node, count } = fields;
      if (typeof node !== 'string' || typeof count !== 'number' || !isCount(count)) return undefined;
      return { kind: 'count', node, count };
    }
    case 'status': {
      const { online } = fields;
      const status = readVersion(fields);
      if (status === undefined || typeof online !== 'boolean') return undefined;
      return { kind: 'status', version: status, isOnline: online };
    }
    default:
      return undefined;
  }
}

function readEvent(fields: Readonly<Record<string, unknown>>): BusMessage | undefined {
  const { n: node, e: event, d: data, x: exceptSocketId, u: userId, c: isClientEvent, s: stamp } = fields;
  if (typeof node !== 'string' || !isEventName(event) || !isTextOrAbsent(data)) return undefined;
  if (!isTextOrAbsent(exceptSocketId) || !isTextOrAbsent(userId)) return undefined;
  if (stamp !== undefined && (typeof stamp !== 'number' || !isCount(stamp))) return undefined;
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
  return typeof id === 'string' && id !== '';
}

/** Empty where there is none, else JSON. */
function isInfo(info: string): boolean {
  return info === '' || parseJson(info) !== undefined;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Versions are texts: some have more digits than Lua would write of a number. */
function readVersion(fields: Readonly<Record<string, unknown>>): number | undefined {
  const version = Number(fields['r']);
  return typeof fields['r'] === 'string' && isCount(version) ? version : undefined;
}

/** The info of a user, as it travels. */
export function infoText(info: unknown): string {
  return info === undefined ? '' : JSON.stringify(info);
}

/** The info of a user who came by bus or script; `undefined` where there is none, and where it is not JSON. */
export function infoOf(text: string): unknown {
  return text === '' ? undefined : parseJson(text)?.value;
}

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}
