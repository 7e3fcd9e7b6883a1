import { inspect } from 'node:util';
import { SocketUsageError } from '../ports/errors.js';
import { Payload } from '../ports/payload.js';
import type { SendOptions } from '../ports/socket-client.js';
import { channelNameProblem, channelType, memberIdProblem } from '../protocol/channel-name.js';
import { encryptedBytes, encryptionProblem } from '../protocol/encryption.js';
import { eventNameProblem } from '../protocol/event-name.js';
import { isSocketId } from '../protocol/socket-id.js';

/** What a timer can count. */
const MAXIMUM_DELAY_MS = 2 ** 31 - 1;

// What is wrong with a call is the same on every provider, so it is found here, once, before any of them.

/** @throws SocketUsageError `INVALID_MEMBER_ID` */
export function checkMemberId(id: unknown): void {
  const problem = memberIdProblem(id);
  if (problem !== undefined)
    throw new SocketUsageError('INVALID_MEMBER_ID', `Invalid member id ${shown(id)}: ${problem}`);
}

/** @throws SocketUsageError `INVALID_CHANNEL_NAME`, also for an encrypted channel while there is no key */
export function checkChannel(name: string, hasMasterKey: boolean): void {
  const problem = channelNameProblem(name);
  if (problem !== undefined) {
    throw new SocketUsageError('INVALID_CHANNEL_NAME', `Invalid channel name ${shown(name)}: ${problem}`);
  }
  if (channelType(name).encrypted && !hasMasterKey) {
    throw new SocketUsageError('INVALID_CHANNEL_NAME', encryptionProblem(name));
  }
}

/**
 * @returns the payload, read once
 * @throws SocketUsageError for the event's name, the payload, the socket id to leave out or the delay
 */
export function checkRelay(
  event: unknown,
  payload: unknown,
  options: SendOptions | undefined,
  maximumBytes: number,
): Payload {
  const problem = eventNameProblem(event);
  if (problem !== undefined)
    throw new SocketUsageError('INVALID_EVENT_NAME', `Invalid event name ${shown(event)}: ${problem}`);
  const except = options?.exceptSocketId;
  if (except !== undefined && !isSocketId(except)) {
    throw new SocketUsageError(
      'INVALID_SOCKET_ID',
      `Invalid exceptSocketId ${shown(except)}: it must look like "123.456"`,
    );
  }
  checkDelay(options?.delayMs);
  const read = Payload.of(payload);
  checkSize(read.bytes, 'as JSON', event, maximumBytes);
  return read;
}

function checkDelay(milliseconds: number | undefined): void {
  if (milliseconds === undefined) return;
  if (Number.isSafeInteger(milliseconds) && milliseconds >= 0 && milliseconds <= MAXIMUM_DELAY_MS) return;
  throw new SocketUsageError(
    'INVALID_DELAY',
    `Invalid delayMs ${shown(milliseconds)}: it must be a whole number of milliseconds from 0 to ${MAXIMUM_DELAY_MS}`,
  );
}

/** @throws SocketUsageError `PAYLOAD_TOO_LARGE`; what is encrypted counts as what it becomes */
export function checkEncryptedSize(
  channel: string,
  payload: Payload,
  event: string,
  maximumBytes: number,
): void {
  if (channelType(channel).encrypted)
    checkSize(encryptedBytes(payload.bytes), 'once encrypted', event, maximumBytes);
}

function checkSize(bytes: number, how: string, event: unknown, maximum: number): void {
  if (maximum === 0 || bytes <= maximum) return;
  throw new SocketUsageError(
    'PAYLOAD_TOO_LARGE',
    `The payload of ${shown(event)} has ${bytes} bytes ${how}, ${maximum} are allowed`,
  );
}

/** A value as an error message names it: bounded, and never more than one line. */
function shown(value: unknown): string {
  const text =
    typeof value === 'string' ? JSON.stringify(value) : inspect(value, { depth: 0, breakLength: Infinity });
  return text.length > 80 ? `${text.slice(0, 80)}… (${text.length} characters)` : text;
}
