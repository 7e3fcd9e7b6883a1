import type { IncomingMessage } from 'node:http';
import type { RequestBodies } from '../../../http/request-bodies.js';
import { LIMITS } from '../../../ports/limits.js';
import { Refusal } from '../../../ports/refusal.js';

/** A request of Express, whose body the application may have read already. */
export interface ReadableRequest extends IncomingMessage {
  readonly body?: unknown;
  readonly rawBody?: unknown;
}

/**
 * The body of a request as the application's own body parser has left it, or else as it arrives. An application may have no
 * body parser, or none for forms, which `pusher-js` sends.
 *
 * @throws ApiError when it is too large or takes too long
 * @throws Refusal when other code has read it, and kept it to itself
 */
export async function bodyOf(request: ReadableRequest, bodies: RequestBodies): Promise<unknown> {
  const { body, rawBody } = request;
  if (isText(body) || hasFields(body)) return body;
  if (isText(rawBody)) return rawBody;
  if (!request.readableDidRead && !request.readableEnded)
    return bodies.read(request, LIMITS.authRequestBytes);
  if (body !== undefined || !hasBody(request)) return body;
  throw new Refusal(
    500,
    'UNREADABLE_BODY',
    'The application has read the body of this request, and left it neither in request.body nor in request.rawBody',
  );
}

/**
 * The fields of a body: of a form, as `pusher-js` sends it, or of JSON. A field that a form has twice is left out.
 *
 * @param body the bytes or the text, or the object that a body parser has made
 * @returns an empty object for a body that has no fields
 * @throws Refusal when the body is of another kind
 */
export function fieldsOf(body: unknown, contentType = ''): object {
  if (!isText(body)) return typeof body === 'object' && body !== null ? body : {};
  const text = body.toString();
  if (text === '') return {};
  const [type = ''] = contentType.toLowerCase().split(';', 1);
  if (/^application\/(?:.+\+)?json\s*$/.test(type)) return jsonFields(text);
  if (type.trim() !== 'application/x-www-form-urlencoded') {
    throw new Refusal(
      415,
      'UNREADABLE_BODY',
      `Content-Type: must be application/x-www-form-urlencoded or application/json; it is ${JSON.stringify(contentType)}`,
    );
  }
  const form = new URLSearchParams(text);
  return Object.fromEntries([...form].filter(([name]) => form.getAll(name).length === 1));
}

function jsonFields(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    throw new Refusal(400, 'UNREADABLE_BODY', 'The body is not JSON, although its Content-Type says so');
  }
}

function isText(body: unknown): body is string | Buffer {
  return typeof body === 'string' || Buffer.isBuffer(body);
}

function hasFields(body: unknown): boolean {
  return typeof body === 'object' && body !== null && Object.keys(body).length > 0;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
