import { randomUUID } from 'node:crypto';
import { Payload } from './payload.js';

/** The five calls of the port. */
export type RelayKind = 'member' | 'members' | 'channel' | 'broadcast' | 'disconnect';

/** One call of the port as a value: made once, and carried whole from the caller to the adapter. */
export interface Relay {
  /** The message id: the same in the receipt, in the logs and in every attempt. */
  readonly id: string;
  readonly kind: RelayKind;
  /** The member ids, or the name of the one channel. Each is listed once. */
  readonly recipients: readonly string[];
  /** The event's name; absent on a disconnect. */
  readonly event?: string;
  /** The payload as it was at the call; absent on a disconnect. */
  readonly payload?: Payload;
  /** The Pusher socket id of the connection that does not get the event. @default undefined, every connection gets it */
  readonly exceptSocketId?: string;
  /** Milliseconds from the call until the first attempt. @default 0 */
  readonly delayMs?: number;
}

/** The optional fields of a relay. */
export type RelayParts = Partial<Pick<Relay, 'id' | 'exceptSocketId' | 'delayMs'>>;

/**
 * Makes a relay, and reads its payload. Without an id it gets a new one.
 *
 * @throws SocketUsageError `PAYLOAD_NOT_JSON`
 */
export function createRelay(
  kind: Exclude<RelayKind, 'disconnect'>,
  recipients: readonly string[],
  event: string,
  payload: unknown,
  { id = randomUUID(), exceptSocketId, delayMs = 0 }: RelayParts = {},
): Relay {
  return {
    id,
    kind,
    recipients: unique(recipients),
    event,
    payload: Payload.of(payload),
    ...(exceptSocketId !== undefined && { exceptSocketId }),
    ...(delayMs > 0 && { delayMs }),
  };
}

/** Makes the relay that ends a member's connections. */
export function createDisconnect(memberId: string, id: string = randomUUID()): Relay {
  return { id, kind: 'disconnect', recipients: [memberId] };
}

/** Names the member or the channel that a relay goes to. Relays with one key keep the order of their calls. */
export function recipientKey({ kind }: Pick<Relay, 'kind'>, recipient: string): string {
  return `${kind === 'channel' || kind === 'broadcast' ? 'channel' : 'member'} ${recipient}`;
}

/** The name of a relay in a log or an error. */
export function describeRelay({ event }: Pick<Relay, 'event'>): string {
  return event === undefined ? 'a disconnect' : `"${event}"`;
}

/** Copies the list, so that a later change of the caller's own has no effect. */
function unique(recipients: readonly string[]): readonly string[] {
  return recipients.length === 1 ? [...recipients] : [...new Set(recipients)];
}
