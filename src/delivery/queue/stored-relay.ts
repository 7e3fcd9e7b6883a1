import * as v from 'valibot';
import { Payload } from '../../ports/payload.js';
import type { Relay } from '../../ports/relay.js';

/** One relay to one member or one channel, as it is kept in Redis. */
export interface StoredRelay {
  readonly relay: Relay;
  /** When it was accepted, in milliseconds since 1970. */
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
});

/** Writes what one of those whom an order is for is sent: the message id, a space, and the rest as JSON. */
export function writeRelay(relay: Relay, to: string, at: number): string {
  const { id, kind, event, payload, exceptSocketId } = relay;
  const rest: v.InferInput<typeof body> = {
    v: 1,
    at,
    // To many is to each of them, from here on.
    kind: kind === 'members' ? 'member' : kind,
    to,
    ...(event !== undefined && { event }),
    ...(payload?.json !== undefined && { json: payload.json }),
    ...(exceptSocketId !== undefined && { except: exceptSocketId }),
  };
  return `${id} ${JSON.stringify(rest)}`;
}

/** The message id of what {@link writeRelay} wrote. */
export function relayId(text: string): string {
  return text.slice(0, text.indexOf(' '));
}

/** Reads what {@link writeRelay} wrote; `undefined` where somebody else did, be it a version that is not known yet. */
export function readRelay(text: string): StoredRelay | undefined {
  const id = relayId(text);
  try {
    const { at, kind, to, event, json, except } = v.parse(body, JSON.parse(text.slice(id.length + 1)));
    const relay: Relay = {
      id,
      kind,
      recipients: [to],
      ...(event !== undefined && { event }),
      ...(kind !== 'disconnect' && { payload: Payload.read(json) }),
      ...(except !== undefined && { exceptSocketId: except }),
    };
    return { relay, at };
  } catch {
    return undefined;
  }
}
