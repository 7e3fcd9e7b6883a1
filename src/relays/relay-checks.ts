import { checkNames, checkObject, invalidArgument, isObject, kindOf } from '../ports/arguments.js';
import { CHANNEL_EVENT_NAMES } from '../ports/channel-events.js';
import { SocketUsageError } from '../ports/errors.js';
import { LIMITS } from '../ports/limits.js';
import { shown, type SocketLogger } from '../ports/logger.js';
import { Payload } from '../ports/payload.js';
import { createDisconnect, createRelay, type Relay, type RelayKind } from '../ports/relay.js';
import { inSlices, type Work } from '../ports/slices.js';
import type { AskOptions, ImmediateRelayOptions, RelayOptions } from '../ports/socket-client.js';
import { channelNameProblem, channelType } from '../protocol/channel-name.js';
import { encryptedBytes, encryptionProblem } from '../protocol/encryption.js';
import { eventNameProblem } from '../protocol/event-name.js';
import { memberIdProblem } from '../protocol/member-id.js';
import { isSocketId } from '../protocol/socket-id.js';
import type { CheckedRelay } from './call-order.js';

/** The longest delay that a timer of Node can have. */
const MAXIMUM_DELAY_MS = 2 ** 31 - 1;

/** The ids of more members than this are checked in slices. */
const CHECKED_AT_ONCE = 1_000;

const NO_OPTIONS = {};

/** A call's arguments after its recipients, and the rules for it. */
type RelayContent = [event: string, payload: unknown, options: RelayOptions | undefined, rules: RelayRules];

/** The configuration that a relay is checked against. */
export interface RelayRules {
  /** The largest payload, in bytes of its JSON; 0 allows any size. */
  readonly maximumBytes: number;
  /** Whether encrypted channels have a key. */
  readonly hasMasterKey: boolean;
  /** Whether the provider encrypts their events. */
  readonly hasEncryptedChannels: boolean;
  /** Told of an `exceptSocketId` that is ignored. */
  readonly logger: SocketLogger;
}

/**
 * Checks a call, and makes its relay to several members. So many that checking them would hold the event loop are checked in
 * slices.
 *
 * @throws SocketUsageError for a bad list, event name, payload or option. For a bad id it is thrown, or the promise rejects
 */
export function checkedRelayToMembers(
  memberIds: readonly string[],
  ...[event, payload, options, rules]: RelayContent
): CheckedRelay {
  checkIsList(memberIds);
  if (memberIds.length <= CHECKED_AT_ONCE)
    return checkedRelay('members', memberIds, event, payload, options, rules);
  const relay = checkedRelay('members', [], event, payload, options, rules);
  return inSlices(distinctMembers([...memberIds])).then((recipients) => ({ ...relay, recipients }));
}

/**
 * Checks a call, and makes its relay to members or to a channel. All mistakes of a caller are found here, before any provider,
 * so that they are the same on every provider.
 *
 * @throws SocketUsageError for a bad recipient, event name, payload or option
 */
export function checkedRelay(
  kind: Exclude<RelayKind, 'disconnect'>,
  recipients: readonly string[],
  ...[event, payload, options, rules]: RelayContent
): Relay {
  if (kind === 'channel') checkChannel(recipients[0], rules);
  else if (kind !== 'broadcast') checkMemberIds(recipients);
  checkEventName(event);
  const relay = createRelay(kind, recipients, event, payload, checkedOptions(options, event, rules.logger));
  checkSize(relay, rules.maximumBytes);
  return relay;
}

/**
 * Checks a call, and makes its relay that ends a member's connections.
 *
 * @throws SocketUsageError `INVALID_MEMBER_ID`
 */
export function checkedDisconnect(memberId: string): Relay {
  checkMemberId(memberId);
  return createDisconnect(memberId);
}

const DEFAULT_ASK_MS = 5_000;

/**
 * Checks an ask, and reads its payload.
 *
 * @throws SocketUsageError for a bad member id, event name, payload or option
 */
export function checkedAsk(
  memberId: string,
  event: string,
  payload: unknown,
  options: AskOptions = NO_OPTIONS,
  { maximumBytes }: RelayRules,
): { readonly payload: Payload; readonly timeoutMs: number } {
  checkMemberId(memberId);
  checkEventName(event);
  checkObject('askMember(memberId, event, payload, options): options', options, ', like { timeoutMs: 5000 }');
  checkNames('askMember(memberId, event, payload, options): options', options, ['timeoutMs']);
  const { timeoutMs = DEFAULT_ASK_MS }: { readonly timeoutMs?: unknown } = options;
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 1 && timeoutMs <= MAXIMUM_DELAY_MS)) {
    const allowed = `must be milliseconds from 1 to ${MAXIMUM_DELAY_MS}`;
    throw invalidArgument(`askMember(…, { timeoutMs }): timeoutMs ${allowed}; it is ${shown(timeoutMs)}`);
  }
  const read = Payload.of(payload);
  if (maximumBytes !== 0) checkBytes(read.bytes, 'as JSON', event, maximumBytes);
  return { payload: read, timeoutMs };
}

/** @throws SocketUsageError `INVALID_MEMBER_ID` */
export function checkMemberIds(ids: readonly unknown[]): void {
  checkIsList(ids);
  ids.forEach(checkMemberId);
}

function checkIsList(ids: unknown): void {
  if (Array.isArray(ids)) return;
  const message = `The member ids must be a list, like ["ada", "alan"]; it is ${shown(ids)}`;
  throw new SocketUsageError('INVALID_MEMBER_ID', message);
}

/** The ids, each once. Fails like {@link checkMemberIds}. */
function* distinctMembers(ids: readonly string[]): Work<readonly string[]> {
  const distinct = new Set<string>();
  for (const id of ids) {
    checkMemberId(id);
    distinct.add(id);
    yield;
  }
  return distinct.size === ids.length ? ids : [...distinct];
}

/** @throws SocketUsageError `INVALID_ARGUMENT` when there is no channel event of this name */
export function checkChannelEvent(name: unknown): void {
  if ((CHANNEL_EVENT_NAMES as readonly unknown[]).includes(name)) return;
  throw invalidArgument(
    `There is no channel event ${shown(name)}; there are: ${CHANNEL_EVENT_NAMES.join(', ')}`,
  );
}

/** @throws SocketUsageError `INVALID_MEMBER_ID` */
export function checkMemberId(id: unknown): void {
  const problem = memberIdProblem(id);
  if (problem !== undefined)
    throw new SocketUsageError('INVALID_MEMBER_ID', `Invalid member id ${shown(id)}: ${problem}`);
}

/** @throws SocketUsageError `INVALID_CHANNEL_NAME` */
export function checkPresenceChannel(name: unknown): void {
  const problem = channelNameProblem(name);
  const isPresence = problem === undefined && channelType(String(name)).access === 'presence';
  if (isPresence) return;
  throw invalidChannel(name, problem ?? 'only channels whose names begin with "presence-" have members');
}

/** @throws SocketUsageError `INVALID_CHANNEL_NAME` */
export function checkAuthorizedChannel(name: unknown): void {
  const problem =
    channelNameProblem(name) ??
    (channelType(String(name)).access === 'public'
      ? 'anybody may subscribe to a public channel again'
      : undefined);
  if (problem !== undefined) throw invalidChannel(name, problem);
}

/**
 * The name of an encrypted channel is invalid too where the provider cannot encrypt, or there is no key.
 *
 * @throws SocketUsageError `INVALID_CHANNEL_NAME`
 */
export function checkChannel(name: unknown, { hasMasterKey, hasEncryptedChannels }: RelayRules): void {
  const problem = channelNameProblem(name);
  if (problem !== undefined) throw invalidChannel(name, problem);
  const channel = String(name);
  if (!channelType(channel).encrypted) return;
  if (!hasEncryptedChannels) {
    throw invalidChannel(name, 'it is encrypted, and the provider has no encrypted channels');
  }
  if (!hasMasterKey) throw new SocketUsageError('INVALID_CHANNEL_NAME', encryptionProblem(channel));
}

function invalidChannel(name: unknown, problem: string): SocketUsageError {
  return new SocketUsageError('INVALID_CHANNEL_NAME', `Invalid channel name ${shown(name)}: ${problem}`);
}

function checkEventName(event: unknown): void {
  const problem = eventNameProblem(event);
  if (problem !== undefined)
    throw new SocketUsageError('INVALID_EVENT_NAME', `Invalid event name ${shown(event)}: ${problem}`);
}

function checkedOptions(
  options: RelayOptions | null | undefined,
  event: string,
  logger: SocketLogger,
): ImmediateRelayOptions & { readonly delayMs?: number | undefined } {
  if (options === undefined || options === null) return NO_OPTIONS;
  if (!isObject(options)) {
    const example = '{ exceptSocketId: "123.456" }';
    throw invalidArgument(
      `The options of a relay must be an object, like ${example}; they are ${kindOf(options)}`,
    );
  }
  const { exceptSocketId, delayMs, idempotencyKey } = options;
  checkDelay(delayMs);
  checkIdempotencyKey(idempotencyKey);
  return { exceptSocketId: socketIdIn(exceptSocketId, event, logger), delayMs, idempotencyKey };
}

/**
 * The socket id in a value that a browser's header may have. The call usually follows a commit, and a stranger chooses what is in
 * a header: so a text that is no socket id leaves nobody out, and is no error.
 */
function socketIdIn(
  given: RelayOptions['exceptSocketId'],
  event: string,
  logger: SocketLogger,
): string | undefined {
  if (given === undefined || isSocketId(given)) return given;
  const texts: unknown[] = given === null ? [] : [given].flat();
  if (!texts.every((text) => typeof text === 'string')) {
    const message = `Invalid exceptSocketId ${shown(given)}: it must be a text like "123.456", or what a header has`;
    throw new SocketUsageError('INVALID_SOCKET_ID', message);
  }
  const [only, ...others] = texts;
  if (others.length === 0 && isSocketId(only)) return only;
  logger.debug?.(
    `exceptSocketId ${shown(given)} is no socket id like "123.456": ${shown(event)} leaves nobody out`,
  );
  return undefined;
}

function checkDelay(delayMs: number | undefined): void {
  if (delayMs === undefined) return;
  if (Number.isSafeInteger(delayMs) && delayMs >= 0 && delayMs <= MAXIMUM_DELAY_MS) return;
  throw new SocketUsageError(
    'INVALID_DELAY',
    `Invalid delayMs ${shown(delayMs)}: it must be a whole number of milliseconds from 0 to ${MAXIMUM_DELAY_MS}`,
  );
}

function checkIdempotencyKey(key: unknown): void {
  if (key === undefined) return;
  if (typeof key === 'string' && key.length >= 1 && key.length <= LIMITS.idempotencyKeyLength) return;
  throw invalidArgument(
    `Invalid idempotencyKey ${shown(key)}: it must be a text of 1 to ${LIMITS.idempotencyKeyLength} characters`,
  );
}

/** On an encrypted channel the encrypted payload, which is larger, is checked as well. */
function checkSize({ kind, recipients, event, payload }: Relay, maximum: number): void {
  if (payload === undefined || maximum === 0) return;
  const bytes = payload.bytes;
  checkBytes(bytes, 'as JSON', event, maximum);
  const [channel = ''] = recipients;
  if (kind === 'channel' && channelType(channel).encrypted)
    checkBytes(encryptedBytes(bytes), 'once encrypted', event, maximum);
}

function checkBytes(bytes: number, how: string, event: unknown, maximum: number): void {
  if (bytes <= maximum) return;
  throw new SocketUsageError(
    'PAYLOAD_TOO_LARGE',
    `The payload of ${shown(event)} has ${bytes} bytes ${how}, ${maximum} are allowed`,
  );
}
