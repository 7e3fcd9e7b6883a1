import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';

/** A JSON answer. */
export interface JsonAnswer<T> {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: T;
}

/** Asks for JSON as `fetch` cannot: with a `Host` of its own, over a Unix socket, or with a certificate that nobody knows. */
export async function getJson<T>(
  path: string,
  { protocol = 'http:', ...options }: RequestOptions = {},
): Promise<JsonAnswer<T>> {
  const send = protocol === 'https:' ? httpsRequest : httpRequest;
  const request = send({ agent: false, rejectUnauthorized: false, protocol, path, ...options });
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  request.end();
  const [response] = await answered;
  const text = (await response.toArray()).join('');
  return { status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(text) as T };
}
