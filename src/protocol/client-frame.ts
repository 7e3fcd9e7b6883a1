import { ProtocolError } from './codes.js';

/** A frame from a client with a valid outer shape. The handler of the event checks the content of `data`. */
export interface ClientFrame {
  readonly event: string;
  readonly channel: string | undefined;
  readonly data: unknown;
}

/**
 * Reads a client's frame.
 *
 * @throws ProtocolError with code `null` when the text is not a JSON object with a text `event`
 */
export function parseClientFrame(text: string): ClientFrame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProtocolError(null, 'The message is not valid JSON');
  }
  if (!isRecord(value)) throw new ProtocolError(null, 'The message is not a JSON object');
  if (typeof value['event'] !== 'string' || value['event'] === '') {
    throw new ProtocolError(null, 'The message has no "event"');
  }
  const channel = value['channel'] ?? undefined;
  if (channel !== undefined && typeof channel !== 'string') {
    throw new ProtocolError(null, 'The message\'s "channel" is not a text');
  }
  return { event: value['event'], channel, data: value['data'] };
}

/** The fields of an event's data, which clients may send as an object or as that object's JSON text. */
export function dataFields(frame: ClientFrame): Readonly<Record<string, unknown>> {
  const data = typeof frame.data === 'string' ? parseOrUndefined(frame.data) : frame.data;
  if (!isRecord(data)) throw new ProtocolError(null, `The data of "${frame.event}" is not an object`);
  return data;
}

/** A text field of an event's data; the empty text when it is absent. */
export function textField(fields: Readonly<Record<string, unknown>>, name: string): string {
  const value = fields[name] ?? '';
  if (typeof value !== 'string') throw new ProtocolError(null, `"${name}" is not a text`);
  return value;
}

/** Parses JSON text from outside; `undefined` when it is not an object. */
export function parseJsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  const value = parseOrUndefined(text);
  return isRecord(value) ? value : undefined;
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a value from outside is an object with fields: neither `null` nor a list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
