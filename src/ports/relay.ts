import { randomUUID } from 'node:crypto';
import { Payload } from './payload.js';
import type { ImmediateRelayOptions } from './socket-client.js';

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
  readonly event?: string | undefined;
  /** The payload as it was at the call; absent on a disconnect. */
  readonly payload?: Payload | undefined;
  /** The connection to leave out, by its Pusher socket id. */
  readonly exceptSocketId?: string | undefined;
  /** Milliseconds from the call until the first attempt. @default 0 */
  readonly delayMs?: number | undefined;
}

/** The options of a relay, once they are checked. */
type CheckedOptions = ImmediateRelayOptions & { readonly delayMs?: number | undefined };

const NO_OPTIONS: CheckedOptions = {};

/**
 * Makes a relay with a message id of its own, and reads its payload.
 *
 * @throws SocketUsageError `PAYLOAD_NOT_JSON`
 */
export function createRelay(
  kind: Exclude<RelayKind, 'disconnect'>,
  recipients: readonly string[],
  event: string,
  payload: unknown,
  options?: CheckedOptions,
): Relay {
  // The caller's own object: nothing else in it counts.
  const { exceptSocketId, delayMs = 0 } = options ?? NO_OPTIONS;
  // All relays have the same shape, which keeps the code that reads them fast.
  return {
    id: randomUUID(),
    kind,
    // A list is the caller's own, who may change it later.
    recipients: kind === 'members' ? [...new Set(recipients)] : recipients,
    event,
    payload: Payload.of(payload),
    exceptSocketId,
    delayMs: delayMs > 0 ? delayMs : undefined,
  };
}

/** Makes the relay that ends a member's connections. */
export function createDisconnect(memberId: string): Relay {
  return {
    id: randomUUID(),
    kind: 'disconnect',
    recipients: [memberId],
    event: undefined,
    payload: undefined,
    exceptSocketId: undefined,
    delayMs: undefined,
  };
}

/** Whether the recipients of a relay are members, and not a channel. */
export function isToMembers({ kind }: Pick<Relay, 'kind'>): boolean {
  return kind !== 'channel' && kind !== 'broadcast';
}

/** Names the member or the channel that a relay goes to. Relays with one key keep the order of their calls. */
export function recipientKey(relay: Pick<Relay, 'kind'>, recipient: string): string {
  return `${isToMembers(relay) ? 'member' : 'channel'} ${recipient}`;
}

/** The name of a relay in a log or an error. */
export function describeRelay({ event }: Pick<Relay, 'event'>): string {
  return event === undefined ? 'a disconnect' : `"${event}"`;
}
