import * as v from 'valibot';
import { Payload } from '../../ports/payload.js';
import type { Relay } from '../../ports/relay.js';

/** A relay to one recipient, as it is read from Redis. */
export interface StoredRelay {
  readonly relay: Relay;
  /** When it was accepted, or its delay ended, in milliseconds since the epoch. Its deadline begins here. */
  readonly at: number;
}

const body = v.strictObject({
  v: v.literal(1),
  at: v.number(),
  kind: v.picklist(['member', 'channel', 'broadcast', 'disconnect']),
  to: v.string(),
  event: v.optional(v.string()),
  json: v.optional(v.string()),
  except: v.optional(v.string()),
  key: v.optional(v.string()),
});

/** Writes a relay to one of its recipients: the message id, a space, and the rest as JSON. */
export function writeRelay(relay: Relay, recipient: string, at: number): string {
  const { id, kind, event, payload, exceptSocketId, idempotencyKey } = relay;
  const rest: v.InferInput<typeof body> = {
    v: 1,
    at,
    // From here on a relay to many members is one relay to each of them.
    kind: kind === 'members' ? 'member' : kind,
    to: recipient,
    ...(event !== undefined && { event }),
    ...(payload?.json !== undefined && { json: payload.json }),
    ...(exceptSocketId !== undefined && { except: exceptSocketId }),
    ...(idempotencyKey !== undefined && { key: idempotencyKey }),
  };
  return `${id} ${JSON.stringify(rest)}`;
}

/** The message id of a text that {@link writeRelay} wrote. */
export function relayId(text: string): string {
  return text.slice(0, text.indexOf(' '));
}

/** Reads a text of {@link writeRelay}; `undefined` where another version wrote it, or something else did. */
export function readRelay(text: string): StoredRelay | undefined {
  const id = relayId(text);
  try {
    const { at, kind, to, event, json, except, key } = v.parse(body, JSON.parse(text.slice(id.length + 1)));
    const relay: Relay = {
      id,
      kind,
      recipients: [to],
      ...(event !== undefined && { event }),
      ...(kind !== 'disconnect' && { payload: Payload.read(json) }),
      ...(except !== undefined && { exceptSocketId: except }),
      ...(key !== undefined && { idempotencyKey: key }),
    };
    return { relay, at };
  } catch {
    return undefined;
  }
}
