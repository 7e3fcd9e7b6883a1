import { createHash, createHmac } from 'node:crypto';
import { APP } from './events.js';

/**
 * Asks a Switchboard's HTTP API.
 *
 * @param {number} port
 * @param {string} resource like `channels`
 * @returns {Promise<any>}
 */
export async function signedGet(port, resource) {
  const path = `/apps/${APP.id}/${resource}`;
  const query = `auth_key=${APP.key}&auth_timestamp=${Math.floor(Date.now() / 1_000)}&auth_version=1.0`;
  const signature = createHmac('sha256', APP.secret).update(`GET\n${path}\n${query}`).digest('hex');
  const response = await fetch(`http://127.0.0.1:${port}${path}?${query}&auth_signature=${signature}`);
  if (!response.ok) throw new Error(`${path} was answered ${response.status}`);
  return response.json();
}

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
