import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ChannelEngine } from '../../src/channels/channel-engine.js';
import type { AppCredentials } from '../../src/ports/socket-config.js';
import { USER_CHANNEL_PREFIX } from '../../src/protocol/channel-name.js';

/** The Pusher HTTP API on loopback, as far as the contract suite needs it, in front of a running channel engine. */
export interface PusherHttpApi {
  readonly port: number;
  close(): Promise<void>;
}

/** Refuses every request whose signature is not right. Protocol sections 3.13 and 3.14. */
export async function startPusherHttpApi(app: AppCredentials, engine: ChannelEngine): Promise<PusherHttpApi> {
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const [status, answer] = isSigned(app, request, body)
        ? handle(app, engine, request, body)
        : [401, 'bad signature'];
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function handle(
  app: AppCredentials,
  engine: ChannelEngine,
  request: IncomingMessage,
  body: string,
): [number, unknown] {
  const { pathname } = new URL(request.url ?? '', 'http://localhost');
  const path = decodeURIComponent(pathname).replace(`/apps/${app.id}`, '');
  if (request.method === 'POST' && path === '/events') {
    const event = JSON.parse(body) as { name: string; data: unknown; channels: string[]; socket_id?: string };
    // What hosted Pusher insists on.
    if (typeof event.data !== 'string') return [400, 'Missing required parameter: data'];
    if (Buffer.byteLength(event.data) > 10_240)
      return [413, 'The data content of this event exceeds the allowed maximum'];
    if (event.channels.length > 100) return [400, 'Too many channels'];
    for (const channel of event.channels) engine.publish(channel, event.name, event.data, event.socket_id);
    return [200, {}];
  }
  const terminated = /^\/users\/([^/]+)\/terminate_connections$/.exec(path)?.[1];
  if (request.method === 'POST' && terminated !== undefined) {
    engine.terminate(terminated);
    return [200, {}];
  }
  if (request.method === 'GET' && path === '/channels') return [200, { channels: {} }];
  const channel = /^\/channels\/([^/]+)$/.exec(path)?.[1];
  if (request.method === 'GET' && channel?.startsWith(USER_CHANNEL_PREFIX)) {
    return [200, { occupied: engine.isOnline(channel.slice(USER_CHANNEL_PREFIX.length)) }];
  }
  return [404, 'not found'];
}

function isSigned(app: AppCredentials, request: IncomingMessage, body: string): boolean {
  const [path = '', query = ''] = (request.url ?? '').split('?');
  const parameters = Object.fromEntries(new URLSearchParams(query));
  const { auth_signature: signature = '', ...signed } = parameters;
  if (body !== '' && signed['body_md5'] !== createHash('md5').update(body).digest('hex')) return false;
  if (signed['auth_key'] !== app.key) return false;
  const pairs = Object.keys(signed)
    .sort()
    .map((key) => `${key.toLowerCase()}=${signed[key] ?? ''}`);
  const expected = createHmac('sha256', app.secret)
    .update([request.method, path, pairs.join('&')].join('\n'))
    .digest('hex');
  return (
    signature.length === expected.length && timingSafeEqual(Buffer.from(signature), Buffer.from(expected))
  );
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
