import 'reflect-metadata';
import type { Server } from 'node:http';
import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type ChannelEvents, SocketService } from 'nestjs-switchboard';
import { connect } from 'nestjs-switchboard/browser';
import { DEFAULT_WEBHOOK_LIMITS } from '../../src/adapters/ws/webhooks/webhook-limits.js';
import { BODY_TIMEOUT_MS } from '../../src/http/request-bodies.js';
import { CHANNEL_EVENT_NAMES } from '../../src/ports/channel-events.js';
import { DEVELOPMENT_APP } from '../../src/settings/app.js';
import { EventQueue } from '../support/event-queue.js';
import { portOf } from '../support/host.js';
import { startHost } from '../support/hosts.js';
import { Pusher, subscribed } from '../support/pusher-browser.js';
import { startReferenceBackend } from '../support/reference-backend.js';
import { onTeardown } from '../support/teardown.js';
import { usePage } from './support/page.js';

const page = usePage('docs/channel-events.md');

Logger.overrideLogger(false);

// A reader's own class and its test, run as ours.
await page.run('last-seen.ts');
await page.run('last-seen.test.ts');

/** The reference backend that posts webhooks, and Ada in its room. */
async function enterRoom(env: Readonly<Record<string, string>>): Promise<void> {
  const backend = await startReferenceBackend({ SOCKET_WEBHOOK_PRIVATE_TARGETS: 'true', ...env });
  onTeardown(() => backend.app.close());
  const socket = await connect(Pusher, { url: backend.url, headers: await backend.signIn('ada') });
  onTeardown(() => {
    socket.disconnect();
  });
  await subscribed(socket.channel('presence-lobby'));
}

test('the receiver of the page believes the webhook that the page shows', async () => {
  process.env['RECEIVER_PORT'] = '0';
  const { server } = await page.run<{ server: Server }>('receiver.ts').finally(() => {
    delete process.env['RECEIVER_PORT'];
  });
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
  onTeardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const printed = new EventQueue<unknown[]>();
  const log = jest.spyOn(console, 'log').mockImplementation((...line: unknown[]) => {
    printed.push(line);
  });
  onTeardown(() => {
    log.mockRestore();
  });
  const raw = new EventQueue<{ body: string; headers: object }>();
  server.prependListener('request', (request) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      raw.push({ body, headers: request.headers });
    });
  });

  await enterRoom({
    SOCKET_WEBHOOK_URLS: `http://localhost:${portOf(server)}/`,
    SOCKET_WEBHOOK_EVENTS: 'member_added,member_removed',
  });
  const [time, events] = await printed.next();
  expect(time).toMatch(/^\d{4}-/);
  expect(events).toEqual([{ name: 'member_added', channel: 'presence-lobby', user_id: 'ada' }]);
  const { body, headers } = await raw.next();
  expect(page.text).toContain(body.replace(/"time_ms":\d+/, '"time_ms":1767225600000'));
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'x-pusher-key': DEVELOPMENT_APP.key,
    'x-pusher-signature': expect.stringMatching(/^[0-9a-f]{64}$/) as string,
  });
  expect((await fetch(`http://localhost:${portOf(server)}/`, { method: 'POST', body })).status).toBe(401);
});

test('closing tells that everybody has left', async () => {
  const backend = await startReferenceBackend({});
  const socket = await connect(Pusher, { url: backend.url, headers: await backend.signIn('ada') });
  onTeardown(() => {
    socket.disconnect();
  });
  await subscribed(socket.channel('presence-lobby'));
  const told: object[] = [];
  const service = backend.app.get(SocketService);
  service.onChannelEvent('member_removed', (event) => told.push(event));
  service.onChannelEvent('channel_vacated', (event) => told.push(event));
  socket.disconnect();
  await backend.app.close();
  expect(told).toContainEqual({ name: 'member_removed', channel: 'presence-lobby', user_id: 'ada' });
  expect(told).toContainEqual({ name: 'channel_vacated', channel: 'presence-lobby' });
});

test('another process on pusher is a receiver already', async () => {
  const worker = await startHost({
    provider: 'pusher',
    app: DEVELOPMENT_APP,
    pusher: { host: 'localhost', port: 1 },
  });
  const added = new EventQueue<ChannelEvents['member_added']>();
  worker.app.get(SocketService).onChannelEvent('member_added', (event) => {
    added.push(event);
  });
  await enterRoom({ SOCKET_WEBHOOK_URLS: `${worker.url}/socket/webhook` });
  expect(await added.next()).toMatchObject({ channel: 'presence-lobby', user_id: 'ada' });
});

test('the page has every event, and the bounds that are in force', () => {
  const rows = [...page.text.matchAll(/^\| `([a-z_]+)` /gm)].map(([, name]) => name);
  expect(rows).toEqual(CHANNEL_EVENT_NAMES);
  const {
    gatherMs,
    batchEvents,
    batchBytes,
    queuedEvents,
    queuedBytes,
    requestMs,
    retryMs,
    firstRetryMs,
    longestRetryMs,
    closeMs,
  } = DEFAULT_WEBHOOK_LIMITS;
  const count = (value: number) => value.toLocaleString('en');
  for (const sentence of [
    `gathered for ${gatherMs} ms, at most ${batchEvents} of them and ${count(batchBytes)} bytes`,
    `no answer within ${requestMs / 1_000} seconds`,
    `after ${firstRetryMs / 1_000} to ${(2 * firstRetryMs) / 1_000} seconds`,
    `${longestRetryMs / 1_000} seconds apart, for ${retryMs / 60_000} minutes`,
    `${count(queuedEvents)} events and ${queuedBytes / 1024 / 1024} MiB may wait`,
    `in ${closeMs / 1_000} seconds at most`,
    `took more than ${BODY_TIMEOUT_MS / 1_000} seconds`,
  ]) {
    expect(page.text.replace(/\s+/g, ' ')).toContain(sentence);
  }
});
