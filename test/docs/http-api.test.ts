import 'reflect-metadata';
import { type AddressInfo, createServer } from 'node:net';
import { Logger, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SocketConfigurationError, SocketService } from 'nestjs-switchboard';
import { connect } from 'nestjs-switchboard/browser';
import { BATCH_BODY_BYTES, EVENT_BODY_BYTES } from '../../src/adapters/ws/http-api/publishing.js';
import { BODY_TIMEOUT_MS } from '../../src/http/request-bodies.js';
import { LIMITS } from '../../src/ports/limits.js';
import { SIGNATURE_WINDOW_S } from '../../src/protocol/request-signature.js';
import { Pusher } from '../support/pusher-browser.js';
import { hearing } from '../support/pusher-events.js';
import { type ReferenceBackend, startReferenceBackend } from '../support/reference-backend.js';
import { onTeardown } from '../support/teardown.js';
import { usePage } from './support/page.js';

const page = usePage('docs/http-api.md');

Logger.overrideLogger(false);

/** The reference backend as the page starts it, and Ada's `pusher-js`. */
async function start() {
  const backend = await startReferenceBackend({ SOCKET_HTTP_API: 'true' });
  onTeardown(() => backend.app.close());
  const socket = await connect(Pusher, { url: backend.url, headers: await backend.signIn('ada') });
  onTeardown(() => {
    socket.disconnect();
  });
  return { backend, socket };
}

function portOf({ url }: ReferenceBackend): string {
  return new URL(url).port;
}

test('another process publishes, and the browser hears it', async () => {
  const { backend, socket } = await start();
  const toAda = hearing(socket.pusher.user, 'MEMBER_MESSAGED');
  const toAll = hearing(socket.channel('broadcast'), 'ANNOUNCED');
  const printed = await page.runApart('publish.ts', { PORT: portOf(backend) });
  expect(await toAda.next()).toMatchObject({ data: { from: 'alan', text: 'Hello from another process' } });
  expect(await toAll.next()).toMatchObject({ data: { message: 'Hello, everybody' } });
  expect(page.text).toContain(`It prints \`${printed.trim()}\``);
});

test('a worker on pusher relays through the gateway', async () => {
  const { backend, socket } = await start();
  const heard = hearing(socket.pusher.user, 'MEMBER_MESSAGED');
  const { PORT } = process.env;
  process.env['PORT'] = portOf(backend);
  const { WorkerModule } = await page.run<{ WorkerModule: Type }>('worker.module.ts').finally(() => {
    if (PORT === undefined) delete process.env['PORT'];
    else process.env['PORT'] = PORT;
  });
  const worker = await NestFactory.createApplicationContext(WorkerModule);
  onTeardown(() => worker.close());
  const service = worker.get(SocketService);
  const sent = await service.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'alan', text: 'hi' });
  expect(sent.status).toBe('sent');
  expect(await heard.next()).toMatchObject({ data: { from: 'alan', text: 'hi' } });
  expect(await service.onlineMembers(['ada', 'alan'])).toEqual(new Set(['ada']));
  expect(await service.health()).toMatchObject({ status: 'up' });
  // A request that comes this way is not a relay of the gateway's own process.
  expect(backend.app.get(SocketService).relays).toMatchObject({ sent: 0, failed: 0 });
  const gone = new Promise((resolve) => socket.pusher.connection.bind('disconnected', resolve));
  expect((await service.disconnectMember('ada')).status).toBe('sent');
  await gone;
});

test('a port that is taken fails the start', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, resolve));
  onTeardown(() => taken.close());
  const start = startReferenceBackend({
    SOCKET_HTTP_API: 'true',
    SOCKET_HTTP_API_PORT: String((taken.address() as AddressInfo).port),
  });
  await expect(start).rejects.toBeInstanceOf(SocketConfigurationError);
});

test('the numbers of the page hold', () => {
  expect(page.text).toContain(`${SIGNATURE_WINDOW_S} seconds away`);
  expect(page.text).toContain(`more than ${BODY_TIMEOUT_MS / 1_000} seconds`);
  expect(page.text).toContain(
    `\`data\` over \`SOCKET_MAX_EVENT_BYTES\` (${LIMITS.payloadBytes.toLocaleString('en')})`,
  );
  expect(Math.min(EVENT_BODY_BYTES, BATCH_BODY_BYTES)).toBeGreaterThan(100 * LIMITS.channelNameLength);
});
