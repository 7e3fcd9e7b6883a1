import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SocketService, type SocketUsageError } from 'nestjs-switchboard';
import { WebSocket } from 'ws';
import type { SocketSettings } from '../../../src/config/settings.js';
import { engineOf } from '../../support/runtime-parts.js';
import { type SocketApp, startSocketApp } from '../../support/socket-app.js';
import { onOneNode } from '../../support/topology.js';

const teardown: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of teardown.splice(0).reverse()) await undo();
});

async function start(gateway: SocketSettings['gateway']): Promise<SocketApp> {
  const host = await startSocketApp({ provider: 'ws', ...(gateway !== undefined && { gateway }) });
  teardown.push(() => host.close());
  return host;
}

function dial(host: SocketApp, headers: Record<string, string> = {}): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${String(host.port)}/app/switchboard-key?protocol=7`, {
    headers,
  });
  socket.on('error', () => undefined);
  teardown.push(() => {
    socket.terminate();
  });
  return socket;
}

/** The greeting, or the HTTP status that came in its place. */
async function outcome(socket: WebSocket): Promise<number | string> {
  return new Promise((resolve) => {
    socket.once('message', (data: Buffer) => {
      resolve((JSON.parse(data.toString()) as { event: string }).event);
    });
    socket.once('unexpected-response', (request, response) => {
      response.resume();
      request.destroy();
      resolve(response.statusCode ?? 0);
    });
  });
}

/** Sends and waits for the answers, up to the one to the ping that comes last. */
async function answers(socket: WebSocket, ...frames: object[]): Promise<{ event: string; data: unknown }[]> {
  const received: { event: string; data: unknown }[] = [];
  const done = new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as { event: string; data: unknown };
      if (frame.event === 'pusher:pong') resolve();
      else received.push(frame);
    });
  });
  for (const frame of [...frames, { event: 'pusher:ping' }]) socket.send(JSON.stringify(frame));
  await done;
  return received;
}

const GREETING = 'pusher:connection_established';
const subscribe = (channel: string) => ({ event: 'pusher:subscribe', data: { channel } });

describe('allowed origins are checked before the 101', () => {
  test.each([
    ['https://app.example.com', GREETING],
    ['https://a.widgets.example.org', GREETING],
    ['https://a.b.widgets.example.org', GREETING],
    ['https://widgets.example.org', 403],
    ['http://app.example.com', 403],
    ['https://app.example.com:8443', 403],
    ['https://app.example.com.evil.net', 403],
    ['https://evil.net/https://app.example.com', 403],
    ['https://appXexample.com', 403],
    ['null', 403],
  ])('%s is answered with %s', async (origin, expected) => {
    const host = await start({
      allowedOrigins: ['https://app.example.com', 'https://*.widgets.example.org'],
    });
    expect(await outcome(dial(host, { Origin: origin }))).toBe(expected);
  });

  test.each([
    ['capacitor://localhost', GREETING],
    ['ionic://localhost', GREETING],
    ['null', GREETING],
    ['https://xn--bcher-kva.example', GREETING],
    ['https://app.example.com', GREETING],
    ['http://[::1]:3000', GREETING],
    ['https://my_team.example.org', GREETING],
    ['capacitor://elsewhere', 403],
    ['http://localhost', 403],
    ['https://localhost', 403],
    ['file://', 403],
  ])('%s is compared as browsers write it, and answered with %s', async (origin, expected) => {
    const host = await start({
      allowedOrigins: [
        'capacitor://localhost',
        'ionic://localhost',
        'null',
        'https://Bücher.example/',
        'https://APP.example.com:443',
        'http://[0::1]:3000',
        'https://*.example.org',
      ],
    });
    expect(await outcome(dial(host, { Origin: origin }))).toBe(expected);
  });

  test('a client without an origin is no browser and may pass', async () => {
    const host = await start({ allowedOrigins: ['https://app.example.com'] });
    expect(await outcome(dial(host))).toBe(GREETING);
  });

  test('by default every origin may connect', async () => {
    expect(await outcome(dial(await start({}), { Origin: 'https://anywhere.example' }))).toBe(GREETING);
  });
});

onOneNode('the connections are counted by each process', () => {
  describe('the number of connections', () => {
    test.each([
      ['in all', { connections: 2 }],
      ['from one address', { connectionsPerAddress: 2 }],
    ])(
      '%s is bounded with 503 before the upgrade, and a place becomes free when one closes',
      async (_, limits) => {
        const host = await start({ limits });
        const first = dial(host);
        expect(await outcome(first)).toBe(GREETING);
        expect(await outcome(dial(host))).toBe(GREETING);
        expect(await outcome(dial(host))).toBe(503);
        first.close();
        await once(first, 'close');
        // The server's end may close a moment after the client's.
        let last: number | string = 503;
        for (let attempt = 0; attempt < 50 && last === 503; attempt++) last = await outcome(dial(host));
        expect(last).toBe(GREETING);
      },
    );

    test('0 switches both limits off', async () => {
      const host = await start({ limits: { connections: 0, connectionsPerAddress: 0 } });
      for (let n = 0; n < 5; n++) expect(await outcome(dial(host))).toBe(GREETING);
    });
  });
});

describe('one connection', () => {
  test('may subscribe to so many channels and no more, and to another once it has left one', async () => {
    const socket = dial(await start({ limits: { channelsPerConnection: 2 } }));
    await outcome(socket);
    const received = await answers(
      socket,
      subscribe('a'),
      subscribe('b'),
      subscribe('c'),
      { event: 'pusher:unsubscribe', data: { channel: 'a' } },
      subscribe('c'),
    );
    expect(received.map(({ event }) => event)).toEqual([
      'pusher_internal:subscription_succeeded',
      'pusher_internal:subscription_succeeded',
      'pusher:error',
      'pusher_internal:subscription_succeeded',
    ]);
    expect(received[2]?.data).toMatchObject({ code: 4100 });
  });

  test('may send so many subscribe messages a second and no more', async () => {
    const socket = dial(await start({ limits: { subscribesPerSecond: 3 } }));
    await outcome(socket);
    const received = await answers(socket, ...['a', 'b', 'c', 'd'].map(subscribe));
    expect(received[3]).toMatchObject({ event: 'pusher:error', data: { code: 4301 } });
  });

  test('is closed with 1009 for a message over the frame limit, which has an off-switch', async () => {
    const small = dial(await start({ limits: { frameBytes: 1_000 } }));
    await outcome(small);
    small.send('x'.repeat(1_001));
    const [code] = (await once(small, 'close')) as [number];
    expect(code).toBe(1009);

    const large = dial(await start({ limits: { frameBytes: 0 } }));
    await outcome(large);
    const [error] = await answers(large, { event: 'x'.repeat(200_000) });
    expect(error).toMatchObject({ event: 'pusher:error' });
  });

  test('that reads too slowly is closed and counted, and nobody else waits for it', async () => {
    const host = await start({ limits: { bufferedBytes: 100_000 } });
    const fast = dial(host);
    await outcome(fast);
    await answers(fast, subscribe('news'));
    let heard = 0;
    fast.on('message', () => heard++);

    // A client that never reads what it is sent.
    const slow = connectTcp(host.port, '127.0.0.1');
    teardown.push(() => slow.destroy());
    slow.write(
      'GET /app/switchboard-key?protocol=7 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await once(slow, 'readable');
    const frame = Buffer.from(JSON.stringify(subscribe('news')));
    const mask = Buffer.alloc(4);
    slow.write(Buffer.concat([Buffer.from([0x81, 0x80 | frame.length]), mask, frame]));
    while ((await host.engines.subscriptions('news')) < 2) await nextTurn();
    slow.pause();

    const engines = host.topology.runtimes.map(engineOf);
    const slowReaders = () =>
      engines.reduce((sum, { counters }) => sum + (counters.closed.counts.get('slow_reader') ?? 0), 0);
    let sent = 0;
    while (slowReaders() === 0 && sent < 5_000) {
      await host.client.relayToChannel('news', 'TICKED', 'x'.repeat(10_000));
      sent++;
      await nextTurn();
    }
    expect(slowReaders()).toBe(1);
    await answers(fast, subscribe('done'));
    while (heard < sent) await once(fast, 'message');
    expect(fast.readyState).toBe(WebSocket.OPEN);
  });

  test('may stay without having proved anything only if that is allowed, else it is closed with 4009', async () => {
    const host = await start({ limits: { unauthorizedS: 1 } });
    const stranger = dial(host);
    await outcome(stranger);
    const [code] = (await once(stranger, 'close')) as [number];
    expect(code).toBe(4009);
  });
});

test('a refused client that keeps its half of the connection open holds neither the socket nor the shutdown', async () => {
  const host = await startSocketApp({
    provider: 'ws',
    gateway: { allowedOrigins: ['https://app.example.com'] },
  });
  const stubborn = connectTcp({ port: host.port, host: '127.0.0.1', allowHalfOpen: true });
  teardown.push(() => stubborn.destroy());
  stubborn.write(
    'GET /app/switchboard-key?protocol=7 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Origin: https://evil.example\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const [answer] = (await once(stubborn, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1.1 403 /);
  await host.close();
});

describe('the bytes of one event', () => {
  const relay = async (limit: { maxEventBytes?: number }, bytes: number) => {
    const host = await startSocketApp({ provider: 'ws', failure: 'throw', ...limit });
    teardown.push(() => host.close());
    const call = host.app.get(SocketService).broadcast('TEST_TICKED', 'x'.repeat(bytes - 2) as never);
    return call.then(
      ({ status }) => status,
      (error: unknown) => (error as SocketUsageError).code,
    );
  };

  test('are 10 240 by default, as hosted Pusher takes them', async () => {
    expect(await relay({}, 10_240)).toBe('sent');
    expect(await relay({}, 10_241)).toBe('PAYLOAD_TOO_LARGE');
  });

  test('may be more or fewer, and 0 switches the limit off', async () => {
    expect(await relay({ maxEventBytes: 20_000 }, 20_000)).toBe('sent');
    expect(await relay({ maxEventBytes: 100 }, 101)).toBe('PAYLOAD_TOO_LARGE');
    expect(await relay({ maxEventBytes: 0 }, 500_000)).toBe('sent');
  });
});
