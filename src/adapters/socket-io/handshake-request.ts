import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { HttpRequest } from '../../ports/http-request.js';
import { isRecord } from '../../protocol/client-frame.js';

/** The request of a handshake, and what the client says besides in its `auth`. */
export interface Handshake {
  readonly request: IncomingMessage;
  /** As the client has sent it. */
  readonly auth: unknown;
  /** The headers that `auth.headers` may have. */
  readonly allowedHeaders: readonly string[];
  /** Whether the page's origin may use the cookies that its browser has for this backend. */
  readonly isOriginTrusted: boolean;
}

/**
 * The handshake as a request that `identify` understands: `auth.token` is its `Authorization: Bearer …`, and `auth.headers`
 * become headers. A page of another site cannot use what a browser sends for every site: cookies, and passwords that it
 * remembers.
 */
export function handshakeRequest({ request, auth, allowedHeaders, isOriginTrusted }: Handshake): HttpRequest {
  const { cookie: _cookie, authorization: _authorization, ...rest } = request.headers;
  const headers: IncomingHttpHeaders = isOriginTrusted ? { ...request.headers } : rest;
  const { token, headers: sent } = isRecord(auth) ? auth : {};
  if (isHeaderValue(token)) headers.authorization = `Bearer ${token}`;
  for (const [name, value] of isRecord(sent) ? Object.entries(sent) : []) {
    const lowerCase = name.toLowerCase();
    if (isHeaderValue(value) && allowedHeaders.includes(lowerCase)) headers[lowerCase] = value;
  }
  return Object.create(request, {
    headers: { value: headers, enumerable: true },
    handshakeAuth: { value: isRecord(auth) ? auth : {}, enumerable: true },
  }) as HttpRequest;
}

/** Whether the client says that it is nobody, and wants to be. */
export function isGuest(auth: unknown): boolean {
  return isRecord(auth) && auth['guest'] === true;
}

function isHeaderValue(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value);
}
