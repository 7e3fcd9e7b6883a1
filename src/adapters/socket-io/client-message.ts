import { CLIENT_EVENT_PREFIX, MESSAGE_FRAME_PREFIX } from '../../protocol/event-name.js';

/** A member who is present on a channel. */
export interface PresentMember {
  readonly id: string;
  /** Absent where there is none. */
  readonly info?: unknown;
}

/** The answer to a client's message. Texts are codes of the auth endpoints, numbers those of the gateway. */
export type Reply =
  | { readonly ok: true; readonly members?: readonly PresentMember[] }
  | { readonly ok: false; readonly code: number | string | null; readonly message: string };

/** Gives an answer to a client; absent where the client wants none. Handlers return such answers too. */
export type Acknowledge = ((reply: unknown) => void) | undefined;

/** A message to the application's handlers. */
export interface HandlerMessage {
  readonly kind: 'message';
  readonly event: string;
  /** `undefined` where it was sent on the connection itself. */
  readonly channel: string | undefined;
  readonly payload: unknown;
  readonly ack: Acknowledge;
}

/** A message from a client with a valid form. */
export type ClientMessage =
  | { readonly kind: 'subscribe' | 'unsubscribe'; readonly channel: string; readonly ack: Acknowledge }
  | { readonly kind: 'signin'; readonly auth: unknown; readonly ack: Acknowledge }
  | {
      readonly kind: 'event';
      readonly event: string;
      /** `undefined` for an event of this project's own protocol. */
      readonly channel: string | undefined;
      readonly payload: unknown;
      readonly ack: Acknowledge;
    }
  | HandlerMessage
  | { readonly kind: 'malformed'; readonly problem: string; readonly ack: Acknowledge };

/**
 * Reads a message as `socket.emit(event, …)` has sent it.
 *
 * @param values the event's name, its arguments, and at the end the function that Socket.IO makes of a wanted answer
 */
export function readClientMessage(values: readonly unknown[]): ClientMessage {
  const last = values.at(-1);
  // Socket.IO has made it, and what it is called with goes to the client.
  const ack = typeof last === 'function' ? (last as NonNullable<Acknowledge>) : undefined;
  const [event, first, second] = ack === undefined ? values : values.slice(0, -1);
  const malformed = (problem: string): ClientMessage => ({ kind: 'malformed', problem, ack });
  if (event === 'subscribe' || event === 'unsubscribe') {
    if (typeof first !== 'string') return malformed(`"${event}" needs the name of a channel, as a text`);
    return { kind: event, channel: first, ack };
  }
  if (event === 'signin') return { kind: 'signin', auth: first, ack };
  if (typeof event !== 'string' || event === '')
    return malformed('The name of an event must be a text that is not empty');
  if (event.startsWith(MESSAGE_FRAME_PREFIX))
    return { kind: 'event', event, channel: undefined, payload: first, ack };
  if (event.startsWith(CLIENT_EVENT_PREFIX)) {
    if (typeof second !== 'string')
      return malformed(`"${CLIENT_EVENT_PREFIX}…" needs a payload, and then the name of a channel`);
    return { kind: 'event', event, channel: second, payload: first, ack };
  }
  if (second !== undefined && second !== null && typeof second !== 'string')
    return malformed(
      'A message to a handler is a payload, and then the name of a channel, if any, as a text',
    );
  return { kind: 'message', event, channel: second ?? undefined, payload: first, ack };
}
