import { hash } from 'node:crypto';
import type { AppCredentials } from '../ports/socket-config.js';
import { hmacHex, isEqualDigest } from './hmac.js';

/** How many seconds a request's timestamp may differ from the server's clock, either way. Protocol section 3.14. */
export const SIGNATURE_WINDOW_S = 600;

/** The query parameters that belong to the signature. */
export const SIGNATURE_PARAMETERS: ReadonlySet<string> = new Set([
  'auth_key',
  'auth_timestamp',
  'auth_version',
  'auth_signature',
  'body_md5',
]);

/** The parts of a request to the Pusher HTTP API that its signature covers. The body is covered by `body_md5`. */
export interface SignableRequest {
  /** In capital letters. */
  readonly method: string;
  /** The path as it is sent, percent-encoded and without the query. */
  readonly path: string;
  /** The query, decoded, with names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** The text that a request's signature covers: method, path, and the query with sorted lower-case keys and decoded values. */
export function requestStringToSign({ method, path, parameters }: SignableRequest): string {
  let query = '';
  for (const name of [...parameters.keys()].sort()) {
    if (name !== 'auth_signature') query += `${query === '' ? '' : '&'}${name}=${parameters.get(name) ?? ''}`;
  }
  return `${method}\n${path}\n${query}`;
}

/** A request's `auth_signature`: the hex HMAC-SHA256 of its string to sign. */
export function signRequest(secret: string, request: SignableRequest): string {
  return hmacHex(secret, requestStringToSign(request));
}

/** The hex MD5 of a raw body, as `body_md5` carries it. */
export function bodyMd5(body: string | Buffer): string {
  return hash('md5', body, 'hex');
}

/**
 * The problem with a request's signature, or `undefined`. The comparison takes constant time, and needs no body: check the
 * body with {@link bodyProblem} once the signature is valid.
 *
 * @param request with lower-case parameter names
 * @param now milliseconds since the epoch
 * @param signedPath a second path that the signature may cover: clients that are configured with the server's path prefix as
 * a part of the host sign without the prefix
 */
export function requestProblem(
  app: AppCredentials,
  request: SignableRequest,
  now: number,
  signedPath = request.path,
): string | undefined {
  const { parameters } = request;
  for (const name of ['auth_key', 'auth_timestamp', 'auth_version', 'auth_signature']) {
    if (!parameters.has(name)) return `Missing parameter: ${name}`;
  }
  if (parameters.get('auth_key') !== app.key) return 'Unknown auth_key';
  if (parameters.get('auth_version') !== '1.0') return 'Unknown auth_version: it must be 1.0';
  const timestamp = parameters.get('auth_timestamp') ?? '';
  if (!/^\d{1,12}$/.test(timestamp)) return 'Invalid auth_timestamp: it must be whole seconds since 1970';
  const time = Math.floor(now / 1_000);
  if (Math.abs(time - Number(timestamp)) > SIGNATURE_WINDOW_S) {
    return `Timestamp expired: the given timestamp (${timestamp}) is not within ${SIGNATURE_WINDOW_S}s of the server's time (${time})`;
  }
  const signature = parameters.get('auth_signature') ?? '';
  if (isEqualDigest(signature, signRequest(app.secret, request))) return undefined;
  const withoutPrefix = { ...request, path: signedPath };
  if (signedPath !== request.path && isEqualDigest(signature, signRequest(app.secret, withoutPrefix)))
    return undefined;
  return `Invalid signature: it must be the hex HMAC-SHA256 by the app's secret of ${JSON.stringify(requestStringToSign(request))}`;
}

/** The problem with a signed request's body, or `undefined`. `parameters` are those of the request. */
export function bodyProblem(parameters: ReadonlyMap<string, string>, body: Buffer): string | undefined {
  const md5 = parameters.get('body_md5');
  if (md5 === undefined) {
    return body.length === 0 ? undefined : 'Missing parameter: body_md5, for the request has a body';
  }
  return isEqualDigest(md5, bodyMd5(body))
    ? undefined
    : 'Invalid body_md5: it is not the hex MD5 of the raw body';
}
