import { type Position, positionIn } from './position.js';

/** A message as it goes through the client: an event, of a channel or of the connection. */
export interface Message {
  readonly event: string;
  readonly channel?: string | undefined;
  readonly data?: unknown;
  /** Whether the page missed it when it happened, and the helper has got it from the backend. */
  readonly caughtUp?: true;
}

/** An event of a log. */
export interface LoggedEvent {
  /** The position behind it. */
  readonly position: Position;
  readonly message: Message;
}

/** A part of a log, as the backend answers with it. */
export interface LogPart {
  readonly events: readonly LoggedEvent[];
  /** Everything up to it is in the part. */
  readonly position: Position;
  /** Whether that was the live position at that moment. */
  readonly complete: boolean;
}

/** The log does not reach back to the position that was asked from (`trimmed`), or it is another log (`restarted`). */
export interface LogGap {
  readonly gap: 'trimmed' | 'restarted';
  /** The live position. */
  readonly position: Position;
}

/** The answer of the backend's endpoint `history`. */
export type HistoryAnswer = LogPart | LogGap;

/** Reads the answer about a channel; `undefined` where it is none. */
export function historyAnswer(value: unknown, channel: string): HistoryAnswer | undefined {
  const { gap, events, complete, position: text } = fieldsOf(value);
  const position = positionIn(text);
  if (position === undefined) return undefined;
  if (gap === 'trimmed' || gap === 'restarted') return { gap, position };
  if (!Array.isArray(events)) return undefined;
  const read = events.map((event) => loggedEvent(event, channel));
  if (!read.every((event) => event !== undefined)) return undefined;
  return { events: read, position, complete: complete === true };
}

function loggedEvent(value: unknown, channel: string): LoggedEvent | undefined {
  const { position: text, event, data } = fieldsOf(value);
  const position = positionIn(text);
  if (position === undefined || typeof event !== 'string') return undefined;
  return { position, message: { event, channel, data: decoded(data), caughtUp: true } };
}

/** Decodes the data of an event as `pusher-js` does: text that is no JSON stays text. */
function decoded(data: unknown): unknown {
  if (typeof data !== 'string') return undefined;
  try {
    return JSON.parse(data) as unknown;
  } catch {
    return data;
  }
}

/** The fields of something that came from outside; none where it is no object. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return Object(value) as Record<string, unknown>;
}
