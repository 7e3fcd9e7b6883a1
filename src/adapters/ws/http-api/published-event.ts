import { ApiError, badRequest } from '../../../http/api-error.js';
import { LIMITS } from '../../../ports/limits.js';
import { channelNameProblem, channelType, USER_CHANNEL_PREFIX } from '../../../protocol/channel-name.js';
import { CLIENT_EVENT_PREFIX, eventNameProblem } from '../../../protocol/event-name.js';
import { backendIdProblem, wireIdOfBackend } from '../../../protocol/member-id.js';
import { isSocketId } from '../../../protocol/socket-id.js';
import { type Attribute, parseInfo } from './attributes.js';

/** An event that was checked and can be published. */
export interface PublishedEvent {
  readonly name: string;
  /** The data as it was sent: usually JSON, and already encrypted for an encrypted channel. */
  readonly data: string;
  /** The channels' names, without repetitions. */
  readonly channels: readonly string[];
  readonly exceptSocketId: string | undefined;
  /** The keys under which the logs of channels know the event, by the channels' names; `undefined` when the request has none. */
  readonly keys: ReadonlyMap<string, string> | undefined;
  /** The attributes to answer with; `undefined` when the request has no `info`. */
  readonly info: ReadonlySet<Attribute> | undefined;
}

/** The `idempotencyKey` of a relay, and the kind of key that a sender may put before it. */
const LONGEST_KEY = LIMITS.idempotencyKeyLength + 'key '.length;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads an event that goes to `channel` or to `channels`.
 *
 * @throws ApiError 400, or 413 for too much data
 */
export function readEvent(fields: Fields, eventBytes: number): PublishedEvent {
  const { channel, channels } = fields;
  if (isAbsent(channels)) return readBatchedEvent(fields, '', eventBytes);
  if (!isAbsent(channel)) throw badRequest('Send "channel" or "channels", not both');
  if (!Array.isArray(channels) || channels.length === 0)
    throw badRequest('"channels": it is not a list of names');
  if (channels.length > LIMITS.channelsPerEvent) {
    throw badRequest(`"channels": it has ${channels.length} names, ${LIMITS.channelsPerEvent} are allowed`);
  }
  const names = channels.map((name: unknown, index) => readChannel(name, `"channels[${index}]"`));
  const [encrypted] = names.filter((name) => channelType(name).encrypted);
  if (encrypted !== undefined && new Set(names).size > 1) {
    throw badRequest(
      `"channels": "${encrypted}" is encrypted with a key of its own, so it must be the only one`,
    );
  }
  return readFields(fields, '', names, eventBytes);
}

/**
 * Reads an event that goes to one `channel`.
 *
 * @param where the prefix of field names in errors, such as `batch[3].`
 * @throws ApiError 400, or 413 for too much data
 */
export function readBatchedEvent(fields: Fields, where: string, eventBytes: number): PublishedEvent {
  if (!isAbsent(fields['channels'])) throw badRequest(`"${where}channels": send one "channel"`);
  return readFields(fields, where, [readChannel(fields['channel'], `"${where}channel"`)], eventBytes);
}

/**
 * Reads a channel's name in a backend's request. Users' own channels are allowed there, with the user's id as it is, or escaped.
 *
 * @param field what the error says before the problem
 * @throws ApiError 400
 */
export function readChannel(name: unknown, field: string): string {
  if (typeof name === 'string' && name.startsWith(USER_CHANNEL_PREFIX)) {
    return USER_CHANNEL_PREFIX + readUserId(name.slice(USER_CHANNEL_PREFIX.length), field);
  }
  const problem = channelNameProblem(name);
  if (typeof name !== 'string' || problem !== undefined) throw badRequest(`${field}: ${problem ?? ''}`);
  return name;
}

/**
 * Reads a user's id in a backend's request, as it is or escaped.
 *
 * @returns its wire form
 * @throws ApiError 400
 */
export function readUserId(id: string, field: string): string {
  const wireId = wireIdOfBackend(id);
  if (wireId === undefined) throw badRequest(`${field}: ${backendIdProblem(id)}`);
  return wireId;
}

/** @param names with repetitions, as in the request */
function readFields(
  fields: Fields,
  where: string,
  names: readonly string[],
  eventBytes: number,
): PublishedEvent {
  const { name, data, socket_id: socketId, info } = fields;
  const problem = nameProblem(name);
  if (typeof name !== 'string' || problem !== undefined) throw badRequest(`"${where}name": ${problem ?? ''}`);
  if (typeof data !== 'string') {
    const found = data === undefined ? 'missing' : 'not a text';
    throw badRequest(
      `"${where}data": it is ${found}: send the event's JSON as text, or "" where there is none`,
    );
  }
  const bytes = Buffer.byteLength(data);
  if (eventBytes !== 0 && bytes > eventBytes) {
    const which = where === '' ? '' : `"${where}data": `;
    throw new ApiError(
      413,
      `${which}The data content of this event exceeds the allowed maximum (${eventBytes} bytes): it has ${bytes}`,
    );
  }
  if (!isAbsent(socketId) && !isSocketId(socketId)) {
    throw badRequest(`"${where}socket_id": it is not a socket id like 123.456`);
  }
  if (!isAbsent(info) && typeof info !== 'string') {
    throw badRequest(`"${where}info": it is not a text of comma-separated attributes`);
  }
  return {
    name,
    data,
    channels: [...new Set(names)],
    exceptSocketId: socketId ?? undefined,
    keys: readKeys(fields['idempotency_key'], `"${where}idempotency_key"`, names),
    info: isAbsent(info) ? undefined : parseInfo(info, ['user_count', 'subscription_count']),
  };
}

/** Reads one key for all channels, or a list with one for each. */
function readKeys(
  value: unknown,
  field: string,
  names: readonly string[],
): ReadonlyMap<string, string> | undefined {
  if (isAbsent(value)) return undefined;
  const keys: readonly unknown[] = Array.isArray(value) ? value : names.map(() => value);
  if (keys.length !== names.length)
    throw badRequest(`${field}: it has ${keys.length} texts for ${names.length} channels`);
  return new Map(names.map((name, index) => [name, readKey(keys[index], field)]));
}

function readKey(key: unknown, field: string): string {
  if (typeof key === 'string' && key.length >= 1 && key.length <= LONGEST_KEY) return key;
  throw badRequest(`${field}: it is not a text of 1 to ${LONGEST_KEY} characters`);
}

/** The problem with an event's name. A backend may send client events: it has the secret, and Pusher documents no refusal. */
function nameProblem(name: unknown): string | undefined {
  const isClientEvent =
    typeof name === 'string' && name.startsWith(CLIENT_EVENT_PREFIX) && name.length <= LIMITS.eventNameLength;
  return isClientEvent ? undefined : eventNameProblem(name);
}

/** SDKs in languages without `undefined` send `null`. */
function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}
