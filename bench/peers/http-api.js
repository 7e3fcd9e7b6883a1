// The part of the Pusher HTTP API that publishes: POST /apps/<id>/events and /batch_events, signed.
import { createHash } from 'node:crypto';
import { APP } from '../support/events.js';
import { isSigned } from './pusher.js';

const WINDOW_S = 600;

/**
 * @param {(channel: string, event: string, data: string) => void} publish
 * @returns {import('node:http').RequestListener}
 */
export const httpApi = (publish) => (request, response) => {
  /** @type {Buffer[]} */
  const chunks = [];
  request.on('data', (chunk) => void chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const status = isBelieved(request.method ?? '', path, query, body) ? answer(path, body, publish) : 401;
    response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': 2 }).end('{}');
  });
};

/**
 * @param {string} path
 * @param {Buffer} body
 * @param {(channel: string, event: string, data: string) => void} publish
 */
function answer(path, body, publish) {
  const content = JSON.parse(body.toString());
  if (path === `/apps/${APP.id}/events`) {
    for (const channel of content.channels ?? [content.channel]) publish(channel, content.name, content.data);
    return 200;
  }
  if (path !== `/apps/${APP.id}/batch_events`) return 404;
  for (const { channel, name, data } of content.batch) publish(channel, name, data);
  return 200;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {string} query
 * @param {Buffer} body
 */
function isBelieved(method, path, query, body) {
  const parameters = new URLSearchParams(query);
  const signature = parameters.get('auth_signature') ?? '';
  parameters.delete('auth_signature');
  const signed = [...parameters]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  return (
    parameters.get('auth_key') === APP.key &&
    Math.abs(Date.now() / 1_000 - Number(parameters.get('auth_timestamp'))) < WINDOW_S &&
    parameters.get('body_md5') === createHash('md5').update(body).digest('hex') &&
    isSigned(signature, `${method}\n${path}\n${signed}`)
  );
}
