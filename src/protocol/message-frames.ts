import { type ClientFrame, dataFields, isRecord, textField } from './client-frame.js';
import { ProtocolError } from './codes.js';
import { type Frame, frame } from './frame.js';

/**
 * The frames that this project adds to the protocol (docs/handlers.md): a client sends or asks, and is asked. A server that does not
 * know them answers with `pusher:error`, and a client that does not know them ignores them.
 */
export const MESSAGE_FRAMES = Object.freeze({
  /** A client's message without an answer: `{ event, channel?, payload? }`. */
  SEND: 'switchboard:send',
  /** A message that is answered, in both directions: `{ id, event, channel?, payload? }`. */
  ASK: 'switchboard:ask',
  /** The answer, in both directions: `{ id, payload? }` or `{ id, error: { code, message, details? } }`. */
  ANSWER: 'switchboard:answer',
});

const MAXIMUM_ID_LENGTH = 64;

/** A message of a client. */
export interface SentMessage {
  readonly event: string;
  readonly channel: string | undefined;
  readonly payload: unknown;
}

/** An answer of a client: its payload, or the words of its error. */
export interface ReceivedAnswer {
  readonly id: string;
  readonly payload: unknown;
  readonly error: string | undefined;
}

/** @throws ProtocolError when the data of `switchboard:send` or `switchboard:ask` has no event */
export function readMessage(received: ClientFrame): SentMessage & { readonly id: string } {
  const fields = dataFields(received);
  const event = textField(fields, 'event');
  if (event === '') throw new ProtocolError(null, `"event" of ${received.event} is empty`);
  const id = received.event === MESSAGE_FRAMES.ASK ? readId(fields, received.event) : '';
  return { id, event, channel: textField(fields, 'channel') || undefined, payload: fields['payload'] };
}

/** @throws ProtocolError when the data of `switchboard:answer` has no id */
export function readAnswer(received: ClientFrame): ReceivedAnswer {
  const fields = dataFields(received);
  const { error, payload } = fields;
  const id = readId(fields, received.event);
  if (error === undefined) return { id, payload, error: undefined };
  const message = isRecord(error) ? error['message'] : undefined;
  return { id, payload: undefined, error: typeof message === 'string' ? message : 'without a message' };
}

/** Asks a client. `json` is the payload's JSON text. */
export function askFrame(id: string, event: string, json: string | undefined): Frame {
  const payload = json === undefined ? '' : `,"payload":${json}`;
  const data = `{"id":${JSON.stringify(id)},"event":${JSON.stringify(event)}${payload}}`;
  return frame(MESSAGE_FRAMES.ASK, { data });
}

/** Answers a client. @throws TypeError when a value has no JSON form */
export function answerFrame(
  id: string,
  answer: { readonly payload: unknown } | { readonly error: object },
): Frame {
  return frame(MESSAGE_FRAMES.ANSWER, { data: JSON.stringify({ id, ...answer }) });
}

function readId(fields: Readonly<Record<string, unknown>>, event: string): string {
  const id = textField(fields, 'id');
  if (id !== '' && id.length <= MAXIMUM_ID_LENGTH) return id;
  throw new ProtocolError(null, `"id" of ${event} must have 1 to ${MAXIMUM_ID_LENGTH} characters`);
}
