import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type OutgoingHttpHeaders, Server } from 'node:http';
import { connect } from 'node:net';
import { type ChannelEventName, type SocketModuleOptions, SocketService } from 'nestjs-switchboard';
import { ManualClock } from '../../../../src/adapters/memory/manual-clock.js';
import { WebhookReceiver } from '../../../../src/adapters/pusher/webhook/webhook-receiver.js';
import { ChannelEventSource } from '../../../../src/channels/channel-event-source.js';
import { socketConfig } from '../../../../src/config/socket-config.js';
import { BODY_TIMEOUT_MS } from '../../../../src/http/request-bodies.js';
import { CHANNEL_EVENT_NAMES, type ChannelEvent } from '../../../../src/ports/channel-events.js';
import { portOf } from '../../../support/host.js';
import { FRAMEWORKS, type HostParts, logged, startHost } from '../../../support/hosts.js';
import { reset } from '../../../support/reset.js';
import { onTeardown } from '../../../support/teardown.js';
import { OpenRequest } from '../../ws/http-api/support.js';

const APP = { id: '7', key: 'the-key', secret: 'the-secret-nobody-may-see' };
const PUSHER: SocketModuleOptions = { provider: 'pusher', app: APP, pusher: { host: '127.0.0.1', port: 1 } };

const EVERY_EVENT: readonly ChannelEvent[] = [
  { name: 'channel_occupied', channel: 'presence-a' },
  { name: 'member_added', channel: 'presence-a', user_id: 'ünï' },
  { name: 'client_event', channel: 'private-a', event: 'client-a', data: '{"on":"✓"}', socket_id: '1.2' },
  { name: 'client_event', channel: 'presence-a', event: 'client-a', socket_id: '1.2', user_id: '7' },
  { name: 'cache_miss', channel: 'cache-a' },
  { name: 'subscription_count', channel: 'cache-a', subscription_count: 3 },
  { name: 'member_removed', channel: 'presence-a', user_id: 'ünï' },
  { name: 'channel_vacated', channel: 'presence-a' },
];

type Headers = Readonly<Record<string, string>>;

function signed(body: string | Buffer, more: Headers = {}): Headers {
  return {
    'Content-Type': 'application/json',
    'X-Pusher-Key': APP.key,
    'X-Pusher-Signature': createHmac('sha256', APP.secret).update(body).digest('hex'),
    ...more,
  };
}

function bodyOf(events: readonly unknown[], timeMs = Date.now()): string {
  return JSON.stringify({ time_ms: timeMs, events });
}

async function post(url: string, body: string | Buffer, headers: Headers): Promise<[number, unknown]> {
  const response = await fetch(url, { method: 'POST', body: new Uint8Array(Buffer.from(body)), headers });
  const text = await response.text();
  expect(text).not.toContain(APP.secret);
  return [response.status, JSON.parse(text)];
}

/** A host on `pusher`, and every channel event its application hears. */
async function startReceiver(options: Parameters<typeof startHost>[0] = {}, parts: HostParts = {}) {
  const { app, url } = await startHost({ ...PUSHER, ...options }, parts);
  const heard: unknown[] = [];
  const service = app.get(SocketService);
  const listen = (name: ChannelEventName) => service.onChannelEvent(name, (event) => heard.push(event));
  CHANNEL_EVENT_NAMES.forEach(listen);
  const webhook = (body: string | Buffer, headers: Headers = signed(body)) =>
    post(`${url}/socket/webhook`, body, headers);
  return { app, url, heard, webhook };
}

describe.each(Object.keys(FRAMEWORKS) as (keyof typeof FRAMEWORKS)[])('a webhook over %s', (framework) => {
  const start = (options = {}, parts: HostParts = {}) =>
    startReceiver(options, { httpAdapter: FRAMEWORKS[framework], ...parts });

  test('is verified and heard, in order, with no change to how the application is started', async () => {
    const { heard, webhook } = await start();
    expect(await webhook(bodyOf(EVERY_EVENT))).toEqual([200, {}]);
    expect(heard).toEqual(EVERY_EVENT);
  });

  test('leaves the other endpoints their bodies', async () => {
    const { url } = await start();
    const auth = { socket_id: '1.2', channel_name: 'private-a' };
    const headers = { 'Content-Type': 'application/json', 'x-member': 'ada' };
    expect(await post(`${url}/socket/auth`, JSON.stringify(auth), headers)).toMatchObject([403, {}]);
    expect((await fetch(`${url}/socket/webhook`)).status).toBe(404);
  });

  test('is heard below the global prefix and the path of the module', async () => {
    const { url, heard } = await start(
      { path: '/realtime/' },
      { prepare: (app) => app.setGlobalPrefix('api/v1') },
    );
    const body = bodyOf([EVERY_EVENT[0]]);
    expect(await post(`${url}/api/v1/realtime/webhook/?a=1`, body, signed(body))).toEqual([200, {}]);
    expect(heard).toHaveLength(1);
    const elsewhere = await fetch(`${url}/realtime/webhook`, { method: 'POST', body, headers: signed(body) });
    expect(elsewhere.status).toBe(404);
  });
});

test('the signature is over the very bytes, whatever the content type adds', async () => {
  const { heard, webhook } = await startReceiver();
  const body = `{ "events" : [\n{"name":"cache_miss","channel":"c\\u0061che-a","new":1}], "time_ms":${Date.now()} }`;
  const types = ['application/json; charset=utf-8', 'application/json;charset=UTF-8', 'Application/JSON', ''];
  for (const [index, type] of types.entries()) {
    const bytes = body + ' '.repeat(index);
    expect(await webhook(bytes, signed(bytes, { 'Content-Type': type }))).toEqual([200, {}]);
  }
  // Unknown fields of a known event are left out.
  expect(heard).toEqual(Array(4).fill({ name: 'cache_miss', channel: 'cache-a' }));
});

test.each<[string, (body: string) => Headers]>([
  ['without headers', () => ({})],
  ['without a signature', () => ({ 'X-Pusher-Key': APP.key })],
  ['without a key', (body) => ({ 'X-Pusher-Signature': signed(body)['X-Pusher-Signature'] ?? '' })],
  ["with another application's key", (body) => signed(body, { 'X-Pusher-Key': 'another' })],
  ['with a signature of another body', (body) => signed(`${body} `)],
  ['with a signature of another length', (body) => signed(body, { 'X-Pusher-Signature': 'abc' })],
  ['with an empty signature', (body) => signed(body, { 'X-Pusher-Signature': '' })],
])('a webhook %s is refused', async (_name, headersOf) => {
  const { heard, webhook } = await startReceiver();
  const body = bodyOf(EVERY_EVENT);
  expect(await webhook(body, headersOf(body))).toMatchObject([401, { statusCode: 401 }]);
  expect(heard).toEqual([]);
});

test.each([
  ['no JSON', '{"time_ms":1,"events":['],
  ['nothing', ''],
  ['no object', '[]'],
  ['an object without events', `{"time_ms":${Date.now()}}`],
  ['an object without time', '{"events":[]}'],
])('a signed body that is %s is refused with 400', async (_name, body) => {
  const { webhook } = await startReceiver();
  expect(await webhook(body)).toMatchObject([400, { statusCode: 400 }]);
});

test('a body of 256 KiB is read, and a longer one refused with 413', async () => {
  const { heard, webhook } = await startReceiver();
  const body = bodyOf([EVERY_EVENT[0]]);
  const longest = body.padEnd(256 * 1024, ' ');
  expect(await webhook(longest)).toEqual([200, {}]);
  expect(await webhook(`${longest} `)).toMatchObject([413, { statusCode: 413 }]);
  expect(await webhook(longest.padEnd(5_000_000, ' '))).toMatchObject([413, {}]);
  expect(heard).toHaveLength(1);
});

test('a webhook that is posted again is answered and not heard again; another with the same events is', async () => {
  const { heard, webhook } = await startReceiver();
  const now = Date.now();
  const body = bodyOf([EVERY_EVENT[0]], now);
  expect(await Promise.all([webhook(body), webhook(body), webhook(body)])).toEqual(Array(3).fill([200, {}]));
  expect(heard).toHaveLength(1);
  expect(await webhook(bodyOf([EVERY_EVENT[0]], now + 1))).toEqual([200, {}]);
  expect(heard).toHaveLength(2);
});

test('a webhook of five minutes ago is heard; one that is ten minutes away is refused', async () => {
  const { heard, webhook } = await startReceiver();
  const minutes = (count: number) => bodyOf([EVERY_EVENT[0]], Date.now() + count * 60_000);
  expect(await webhook(minutes(-5.5))).toEqual([200, {}]);
  expect(await webhook(minutes(-11))).toMatchObject([401, {}]);
  expect(await webhook(minutes(11))).toMatchObject([401, {}]);
  expect(heard).toHaveLength(1);
});

test('events it does not know are ignored, and named once in the log', async () => {
  const { lines } = logged('warn');
  const { heard, webhook } = await startReceiver();
  const strange = [
    { name: 'channel_renamed', channel: 'a' },
    { name: 'member_added', channel: 'presence-a' },
    { name: 7 },
    'text',
    null,
  ];
  expect(await webhook(bodyOf([...strange, EVERY_EVENT[0], ...strange]))).toEqual([200, {}]);
  expect(await webhook(bodyOf([...strange, EVERY_EVENT[1]], Date.now() + 1))).toEqual([200, {}]);
  expect(heard).toEqual([EVERY_EVENT[0], EVERY_EVENT[1]]);
  expect(lines.filter((line) => line.includes('not understood'))).toEqual(
    ['channel_renamed', 'member_added', '(without a name)'].map(
      (name) => `A webhook's event is not understood and ignored: "${name}"`,
    ),
  );
});

describe('a request that is not to be believed, or too large, or too slow, is refused before its end:', () => {
  const { 'X-Pusher-Key': key, 'X-Pusher-Signature': signature } = signed('{}');

  /** A receiver whose clock stands still, and a request to it whose body has not come. */
  async function startOpen(headers: OutgoingHttpHeaders) {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const logger = { log: () => undefined, warn: () => undefined, error: () => undefined };
    const clock = new ManualClock();
    const config = socketConfig({}, { app: APP });
    const receiver = new WebhookReceiver(config, new ChannelEventSource(logger), logger, clock);
    receiver.attach(server);
    onTeardown(() => {
      receiver.detach();
      server.closeAllConnections();
      server.close();
    });
    const open = new OpenRequest(portOf(server), '/socket/webhook', { headers });
    open.request.flushHeaders();
    return { open, receiver, clock, arriving: () => once(open.request, 'continue') };
  }

  const ofStrangers: [string, OutgoingHttpHeaders][] = [
    ['without a key', { 'X-Pusher-Signature': signature }],
    ['with the key of another application', { 'X-Pusher-Key': 'another', 'X-Pusher-Signature': signature }],
    ['without a signature', { 'X-Pusher-Key': key }],
    ['with an empty signature', { 'X-Pusher-Key': key, 'X-Pusher-Signature': '' }],
  ];
  test.each(ofStrangers)('a webhook %s, of which nothing is read', async (_name, headers) => {
    const { open } = await startOpen({ ...headers, 'Transfer-Encoding': 'chunked' });
    const { response, text } = await open.answered;
    expect([response.statusCode, response.headers.connection]).toEqual([401, 'close']);
    expect(JSON.parse(text)).toMatchObject({ statusCode: 401 });
    await open.closed;
  });

  test('a body that is announced as too large', async () => {
    const { open } = await startOpen(signed('{}', { 'Content-Length': String(256 * 1024 + 1) }));
    const { response, text } = await open.answered;
    expect([response.statusCode, response.headers.connection]).toEqual([413, 'close']);
    expect(JSON.parse(text)).toMatchObject({
      statusCode: 413,
      message: expect.stringContaining('262144') as string,
    });
    await open.closed;
  });

  test('a body that turns out too large', async () => {
    const { open } = await startOpen(signed('{}', { 'Transfer-Encoding': 'chunked' }));
    open.request.write('x'.repeat(256 * 1024));
    open.request.write('x');
    const { response } = await open.answered;
    expect([response.statusCode, response.headers.connection]).toEqual([413, 'close']);
    await open.closed;
  });

  test('a body that does not arrive', async () => {
    const { open, clock, arriving } = await startOpen(signed('{}', { Expect: '100-continue' }));
    await arriving();
    clock.advance(BODY_TIMEOUT_MS);
    const { response } = await open.answered;
    expect([response.statusCode, response.headers.connection]).toEqual([408, 'close']);
    await open.closed;
  });

  test('a body that is still arriving when the application closes', async () => {
    const { open, receiver, arriving } = await startOpen(signed('{}', { Expect: '100-continue' }));
    await arriving();
    receiver.detach();
    expect((await open.answered).response.statusCode).toBe(503);
    await open.closed;
  });
});

test('a request that breaks off harms nobody', async () => {
  const { url, webhook } = await startReceiver();
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  const headers = Object.entries({ Host: 'a', 'Content-Length': '1000', ...signed('') });
  const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.write(`POST /socket/webhook HTTP/1.1\r\n${head}\r\n{"time`);
  reset(socket);
  await once(socket, 'close');
  expect(await webhook(bodyOf([]))).toEqual([200, {}]);
});

test('closing the application takes the endpoint off its server', async () => {
  const { app } = await startReceiver();
  const server = app.getHttpServer() as Server;
  expect(server.emit === Server.prototype.emit).toBe(false);
  await app.close();
  expect(server.emit === Server.prototype.emit).toBe(true);
  expect(server.listenerCount('upgrade')).toBe(0);
});

test.each(['ws', 'memory'] as const)('the provider %s takes no webhooks in', async (provider) => {
  const { webhook } = await startReceiver({ provider });
  expect(await webhook(bodyOf([]))).toMatchObject([404, {}]);
});
