import type { ClientOrigin } from '../../../adapters/adapter.js';
import { Refusal } from '../../../ports/refusal.js';
import type { FrameworkRequest } from './endpoint-routes.js';

/**
 * The address at which the browser that sends a request reaches this backend, as the framework reads the request. Forwarded
 * headers count where the framework trusts their sender.
 *
 * @throws Refusal for a host or a prefix that is none
 */
export function clientOriginOf(request: FrameworkRequest): ClientOrigin {
  const host = `http://${request.host ?? request.headers.host ?? ''}`;
  if (!URL.canParse(host)) throw new Refusal(400, 'INVALID_ADDRESS', 'Host: it is not a host name');
  const url = new URL(host);
  return {
    hostname: url.hostname,
    port: url.port === '' ? undefined : Number(url.port),
    secure: request.protocol === 'https',
    path: forwardedPrefix(request),
  };
}

/** The path that proxies have taken away, the outermost proxy's first. No framework reads this header. */
function forwardedPrefix(request: FrameworkRequest): string {
  const header = request.headers['x-forwarded-prefix'];
  if (header === undefined || !isSenderTrusted(request)) return '';
  const prefixes = String(header)
    .split(',')
    .map((prefix) => prefix.trim().replace(/\/+$/, ''));
  if (!prefixes.every((prefix) => PREFIX.test(prefix)))
    throw new Refusal(400, 'INVALID_ADDRESS', 'X-Forwarded-Prefix: it is not a path like /api');
  return prefixes.join('');
}

const PREFIX = /^(?:\/[A-Za-z0-9._~!$&'()*+;=:@%-]+)*$/;

/** Whether the framework believes the sender's forwarded headers. Its own setting says so, which it shows by believing one. */
function isSenderTrusted(request: FrameworkRequest): boolean {
  const host = 'believed.invalid';
  const headers = { ...request.headers, 'x-forwarded-host': host };
  const asked = Object.create(request, { headers: { value: headers } }) as FrameworkRequest;
  return asked.host === host;
}
