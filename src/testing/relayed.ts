import { isDeepStrictEqual } from 'node:util';
import type { AcceptedRelay } from '../adapters/memory/memory-socket-client.js';
import { Payload } from '../ports/payload.js';

/** One relay, broadcast or disconnect that the provider accepted, to one member or channel. */
export interface Relayed {
  readonly kind: 'member' | 'channel' | 'broadcast' | 'disconnect';
  /** The member's id, or the channel's name. */
  readonly to: string;
  /** Absent on a disconnect. */
  readonly event?: string;
  /** Absent when there was none. */
  readonly payload?: unknown;
  /** The connection that was left out; absent when there was none. */
  readonly exceptSocketId?: string;
}

/** A payload to compare with, or a predicate of the payload. */
export type Expected = unknown;

/** Lists accepted relays one by one: a relay to three members is three. */
export function relayedBy(relays: readonly AcceptedRelay[]): Relayed[] {
  return relays.flatMap(({ kind, recipients, event, payload, exceptSocketId }): Relayed[] =>
    recipients.map((to) => ({
      kind: kind === 'members' ? 'member' : kind,
      to,
      ...(event !== undefined && { event }),
      ...(payload?.json !== undefined && { payload: JSON.parse(payload.json) as unknown }),
      ...(exceptSocketId !== undefined && { exceptSocketId }),
    })),
  );
}

/** Compares two payloads. */
export type Equals = (actual: unknown, expected: unknown) => boolean;

/** Whether an event is the expected one. Without `expected`, every payload fits. */
export function isExpected(
  actual: { readonly event?: string; readonly payload?: unknown },
  event: string,
  expected: readonly [Expected?],
  equals: Equals = isDeepStrictEqual,
): boolean {
  if (actual.event !== event) return false;
  if (expected.length === 0) return true;
  const [wanted] = expected;
  if (isPredicate(wanted)) return wanted(actual.payload);
  return equals(actual.payload, wanted) || equals(actual.payload, asCarried(wanted));
}

/** The payload as it arrives: dates are texts then, and fields with `undefined` are absent. */
function asCarried(payload: unknown): unknown {
  const { json } = Payload.of(payload);
  return json === undefined ? undefined : JSON.parse(json);
}

function isPredicate(expected: unknown): expected is (payload: unknown) => boolean {
  return typeof expected === 'function';
}

/** Names an expectation in a sentence: `"MEMBER_MESSAGED" with {"text":"hi"}`. */
export function wording(event: string, expected: readonly [Expected?]): string {
  if (expected.length === 0) return `"${event}"`;
  return `"${event}" with ${typeof expected[0] === 'function' ? 'a payload that fits' : shown(expected[0])}`;
}

/** Lists the events that did arrive, for the end of a sentence. */
export function listing(items: readonly { readonly event?: string; readonly payload?: unknown }[]): string {
  return items
    .map(
      ({ event = 'disconnect', payload }) =>
        `\n  - ${event}${payload === undefined ? '' : ` ${shown(payload)}`}`,
    )
    .join('');
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
