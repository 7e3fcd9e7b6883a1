import { createHash, randomUUID } from 'node:crypto';
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
  /** The caller's name for it: a second one to the same recipient reaches nobody again. */
  readonly idempotencyKey?: string | undefined;
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
  const { exceptSocketId, delayMs = 0, idempotencyKey } = options ?? NO_OPTIONS;
  // All relays have the same shape, which keeps the code that reads them fast.
  return {
    id: idempotencyKey === undefined ? randomUUID() : idOf(kind, recipients, idempotencyKey),
    kind,
    // A list is the caller's own, who may change it later.
    recipients: kind === 'members' ? [...new Set(recipients)] : recipients,
    event,
    payload: Payload.of(payload),
    exceptSocketId,
    delayMs: delayMs > 0 ? delayMs : undefined,
    idempotencyKey,
  };
}

/**
 * The message id of a relay with an idempotency key: the same for every such relay to the same recipient, so that the second one is
 * answered with the first one's. It has the form of a UUID of version 8 (RFC 9562).
 */
function idOf(kind: RelayKind, recipients: readonly string[], idempotencyKey: string): string {
  // A list of members may be long, and differ between two calls.
  const to = kind === 'members' ? '' : (recipients[0] ?? '');
  const hash = createHash('sha256')
    .update(JSON.stringify([kind, to, idempotencyKey]))
    .digest();
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x80, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = hash.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
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
    idempotencyKey: undefined,
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
