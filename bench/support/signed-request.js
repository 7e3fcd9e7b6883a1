import { createHash, createHmac } from 'node:crypto';

/**
 * A request to the Pusher HTTP API, as its bytes.
 *
 * @param {{ id: string, key: string, secret: string }} app
 * @param {string} host
 * @param {'events' | 'batch_events'} resource
 * @param {unknown} content
 */
export function signedRequest(app, host, resource, content) {
  const body = JSON.stringify(content);
  const path = `/apps/${app.id}/${resource}`;
  const query = [
    `auth_key=${app.key}`,
    `auth_timestamp=${Math.floor(Date.now() / 1_000)}`,
    'auth_version=1.0',
    `body_md5=${createHash('md5').update(body).digest('hex')}`,
  ].join('&');
  const signature = createHmac('sha256', app.secret).update(`POST\n${path}\n${query}`).digest('hex');
  return Buffer.from(
    `POST ${path}?${query}&auth_signature=${signature} HTTP/1.1\r\nHost: ${host}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
