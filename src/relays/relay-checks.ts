import { SocketUsageError } from '../ports/errors.js';
import { shown } from '../ports/logger.js';
import { createDisconnect, createRelay, type Relay, type RelayKind } from '../ports/relay.js';
import type { RelayOptions } from '../ports/socket-client.js';
import { channelNameProblem, channelType } from '../protocol/channel-name.js';
import { encryptedBytes, encryptionProblem } from '../protocol/encryption.js';
import { eventNameProblem } from '../protocol/event-name.js';
import { memberIdProblem } from '../protocol/member-id.js';
import { isSocketId } from '../protocol/socket-id.js';

/** The longest delay that a timer of Node can have. */
const MAXIMUM_DELAY_MS = 2 ** 31 - 1;

/** The configuration that a relay is checked against. */
export interface RelayRules {
  /** The largest payload, in bytes of its JSON; 0 allows any size. */
  readonly maximumBytes: number;
  /** Whether encrypted channels have a key. */
  readonly hasMasterKey: boolean;
  /** Whether the provider encrypts their events. */
  readonly hasEncryptedChannels: boolean;
}

/**
 * Checks a call, and makes its relay to members or to a channel. All mistakes of a caller are found here, before any provider,
 * so that they are the same on every provider.
 *
 * @throws SocketUsageError for a bad recipient, event name, payload, `exceptSocketId` or `delayMs`
 */
export function checkedRelay(
  kind: Exclude<RelayKind, 'disconnect'>,
  recipients: readonly string[],
  event: string,
  payload: unknown,
  options: RelayOptions | undefined,
  rules: RelayRules,
): Relay {
  if (kind === 'channel') checkChannel(recipients[0], rules);
  else if (kind !== 'broadcast') recipients.forEach(checkMemberId);
  checkEventName(event);
  checkSocketId(options?.exceptSocketId);
  checkDelay(options?.delayMs);
  const relay = createRelay(kind, recipients, event, payload, options);
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
  const reason = problem ?? 'only channels whose names begin with "presence-" have members';
  throw new SocketUsageError('INVALID_CHANNEL_NAME', `Invalid channel name ${shown(name)}: ${reason}`);
}

/** The name of an encrypted channel is invalid too where the provider cannot encrypt, or there is no key. */
function checkChannel(name: unknown, { hasMasterKey, hasEncryptedChannels }: RelayRules): void {
  const problem = channelNameProblem(name);
  if (problem !== undefined) {
    throw new SocketUsageError('INVALID_CHANNEL_NAME', `Invalid channel name ${shown(name)}: ${problem}`);
  }
  const channel = String(name);
  if (!channelType(channel).encrypted) return;
  if (!hasEncryptedChannels) {
    const reason = 'it is encrypted, and the provider has no encrypted channels';
    throw new SocketUsageError('INVALID_CHANNEL_NAME', `Invalid channel name ${shown(name)}: ${reason}`);
  }
  if (!hasMasterKey) throw new SocketUsageError('INVALID_CHANNEL_NAME', encryptionProblem(channel));
}

function checkEventName(event: unknown): void {
  const problem = eventNameProblem(event);
  if (problem !== undefined)
    throw new SocketUsageError('INVALID_EVENT_NAME', `Invalid event name ${shown(event)}: ${problem}`);
}

function checkSocketId(socketId: unknown): void {
  if (socketId === undefined || isSocketId(socketId)) return;
  throw new SocketUsageError(
    'INVALID_SOCKET_ID',
    `Invalid exceptSocketId ${shown(socketId)}: it must look like "123.456"`,
  );
}

function checkDelay(delayMs: number | undefined): void {
  if (delayMs === undefined) return;
  if (Number.isSafeInteger(delayMs) && delayMs >= 0 && delayMs <= MAXIMUM_DELAY_MS) return;
  throw new SocketUsageError(
    'INVALID_DELAY',
    `Invalid delayMs ${shown(delayMs)}: it must be a whole number of milliseconds from 0 to ${MAXIMUM_DELAY_MS}`,
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
