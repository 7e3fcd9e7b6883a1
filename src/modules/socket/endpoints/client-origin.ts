import type { ClientOrigin } from '../../../adapters/adapter.js';
import type { FrameworkRequest } from './endpoint-routes.js';
import { Refusal } from './refusal.js';

/** The address under which a browser reached this backend, as the framework reads the request. @throws Refusal */
export function clientOriginOf(request: FrameworkRequest): ClientOrigin {
  const host = `http://${request.host ?? request.headers.host ?? ''}`;
  if (!URL.canParse(host)) throw new Refusal(400, 'INVALID_ADDRESS', 'Host: it is not a host name');
  const url = new URL(host);
  return {
    hostname: url.hostname,
    port: url.port === '' ? undefined : Number(url.port),
    secure: request.protocol === 'https',
  };
}
