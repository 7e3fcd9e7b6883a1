import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { Host } from '../../support/host.js';
import { RawClient } from '../../support/raw-client.js';
import { reset } from '../../support/reset.js';
import { onTeardown } from '../../support/teardown.js';
import { SENT_AWAY } from '../../support/topology.js';

const GOOD = 'protocol=7&client=js&version=8.6.0&flash=false';
const KEY = 'switchboard-key';

describe('A connection to the gateway (3.1)', () => {
  test('is greeted first of all, with a socket id of its own and an activity timeout', async () => {
    const host = await Host.start({ gateway: { activityTimeoutS: 77 } });
    const first = await host.raw(`/app/${KEY}?${GOOD}`).next();
    expect(first).toEqual({ event: 'pusher:connection_established', data: expect.any(String) as string });
    const { socket_id, activity_timeout } = JSON.parse(first.data as string) as Record<string, unknown>;
    expect(socket_id).toMatch(/^\d+\.\d+$/);
    expect(activity_timeout).toBe(77);
    expect(await host.raw().greeted()).not.toBe(socket_id);
  });

  test.each([
    [4001, 'an unknown key', `/app/nobody?${GOOD}`],
    [4005, 'a path below the key', `/app/${KEY}/more?${GOOD}`],
    [4005, 'no key', `/app?${GOOD}`],
    [4005, 'an empty key', `/app/?${GOOD}`],
    [4006, 'a malformed version', `/app/${KEY}?protocol=7&client=js&version=v-eight`],
    [4007, 'a protocol of the past', `/app/${KEY}?protocol=3&client=js&version=8.6.0`],
    [4007, 'a protocol of the future', `/app/${KEY}?protocol=8&client=js&version=8.6.0`],
    [4007, 'a protocol that is no number', `/app/${KEY}?protocol=seven&client=js&version=8.6.0`],
    [4008, 'no protocol', `/app/${KEY}?client=js&version=8.6.0`],
    [4008, 'no query', `/app/${KEY}`],
  ])('is answered pusher:error %d and closed with it for %s', async (code, _, path) => {
    const host = await Host.start();
    const client = host.raw(path);
    const { event, data } = await client.next();
    expect(event).toBe('pusher:error');
    expect(typeof data === 'string' ? JSON.parse(data) : data).toEqual({
      code,
      message: expect.any(String) as string,
    });
    expect(await client.closed).toMatchObject({ code });
  });

  test('that was refused is not listened to', async () => {
    const host = await Host.start();
    const client = host.raw(`/app/nobody?${GOOD}`);
    client.socket.on('open', () => {
      client.say('pusher:subscribe', { channel: 'orders' });
    });
    expect(await client.next()).toMatchObject({ event: 'pusher:error' });
    await expect(client.next()).rejects.toThrow('closed with 4001');
    expect(await host.runtime.client.health()).toMatchObject({ connections: 0 });
  });

  test('is not compressed, whatever the client offers (3.17)', async () => {
    const host = await Host.start();
    const client = RawClient.open(`ws://127.0.0.1:${host.port}/app/${KEY}?${GOOD}`, {
      perMessageDeflate: true,
    });
    await client.greeted();
    expect(client.socket.extensions).toBe('');
  });

  test('answers pings of both kinds (3.10)', async () => {
    const host = await Host.start();
    const client = host.raw();
    await client.greeted();
    const pong = once(client.socket, 'pong') as Promise<[Buffer]>;
    client.socket.ping('are you there');
    expect((await pong)[0].toString()).toBe('are you there');
    client.say('pusher:ping');
    expect(await client.next()).toMatchObject({ event: 'pusher:pong' });
  });

  test('may speak in the same breath as it knocks', async () => {
    const host = await Host.start();
    const answers = await new Promise<string>((resolve) => {
      const socket = connectTcp(host.port, '127.0.0.1');
      onTeardown(() => socket.destroy());
      let received = '';
      socket.on('data', (data: Buffer) => {
        received += data.toString();
        if (received.includes('pusher:pong')) resolve(received);
      });
      const ping = Buffer.from('{"event":"pusher:ping"}');
      // A masked text frame; the mask is zero.
      const frame = Buffer.concat([Buffer.from([0x81, 0x80 | ping.length, 0, 0, 0, 0]), ping]);
      socket.write(Buffer.concat([Buffer.from(knock(`/app/${KEY}?${GOOD}`)), frame]));
    });
    expect(answers.indexOf('pusher:connection_established')).toBeLessThan(answers.indexOf('pusher:pong'));
    expect(answers).toContain('pusher:connection_established');
  });

  test('is pinged when it is silent, and closed with 4201 when it stays so (3.10)', async () => {
    const host = await Host.start({ gateway: { activityTimeoutS: 1, pongTimeoutS: 1 } });
    const client = host.raw();
    await client.greeted();
    expect(await client.next()).toMatchObject({ event: 'pusher:ping' });
    expect(await client.closed).toMatchObject({ code: 4201 });
  }, 15_000);
});

describe('A message that a client may not send (3.1, 3.17)', () => {
  test('is a message over 64 KiB: the connection is closed with 1009, and nobody else notices', async () => {
    const host = await Host.start();
    const [client, bystander] = [host.raw(), host.raw()];
    await Promise.all([client.greeted(), bystander.greeted()]);
    client.socket.send('x'.repeat(65_537));
    expect(await client.closed).toMatchObject({ code: 1009 });
    await bystander.isAnswered();
  });

  test('is a message over 64 KiB in many pieces', async () => {
    const host = await Host.start();
    const client = host.raw();
    await client.greeted();
    for (let i = 0; i < 70; i++) client.socket.send('x'.repeat(1_000), { fin: false });
    expect(await client.closed).toMatchObject({ code: 1009 });
  });

  test('may be as long as 64 KiB: the answer is about what it says', async () => {
    const host = await Host.start();
    const client = host.raw();
    await client.greeted();
    client.socket.send('x'.repeat(65_536));
    expect(await client.next()).toMatchObject({ event: 'pusher:error' });
    await client.isAnswered();
  });

  test('is a binary message: it is dropped, even when it reads like a text, and the connection stays', async () => {
    const host = await Host.start();
    const client = host.raw();
    await client.greeted();
    client.socket.send(Buffer.from('{"event":"pusher:subscribe","data":{"channel":"orders"}}'));
    client.say('pusher:ping');
    const answers = [await client.next()];
    if (answers[0]?.event === 'pusher:error') answers.push(await client.next());
    expect(answers.at(-1)).toMatchObject({ event: 'pusher:pong' });
    await host.runtime.client.relayToChannel('orders', 'created', {});
    await client.isAnswered();
  });

  test('is text that is no UTF-8: the connection is closed with 1007', async () => {
    const host = await Host.start();
    const [client, bystander] = [host.raw(), host.raw()];
    await Promise.all([client.greeted(), bystander.greeted()]);
    client.socket.send(Buffer.from([0x7b, 0xff, 0xfe]), { binary: false });
    expect(await client.closed).toMatchObject({ code: 1007 });
    await bystander.isAnswered();
  });

  test.each(['Hi', '', '[]', '{"event":7}', '['.repeat(60_000), '{"event":"\ud83d"}'])(
    'is no message of the protocol: it is answered pusher:error and the connection stays',
    async (text) => {
      const host = await Host.start();
      const client = host.raw();
      await client.greeted();
      client.socket.send(text);
      expect(await client.next()).toMatchObject({ event: 'pusher:error' });
      await client.isAnswered();
    },
  );

  test('is garbage after the upgrade: only its own connection ends', async () => {
    const host = await Host.start();
    const bystander = host.raw();
    await bystander.greeted();
    const socket = await upgradedTcp(host.port);
    socket.write(Buffer.alloc(100, 0xff));
    await once(socket, 'close');
    await bystander.isAnswered();
  });

  test('is a connection reset in the middle of everything', async () => {
    const host = await Host.start();
    const bystander = host.raw();
    await bystander.greeted();
    const socket = await upgradedTcp(host.port);
    reset(socket);
    await once(socket, 'close');
    await bystander.isAnswered();
  });
});

describe('When the application closes (3.11)', () => {
  test('every client is asked to come back', async () => {
    const host = await Host.start();
    const clients = [host.raw(), host.raw()];
    await Promise.all(clients.map((client) => client.greeted()));
    await host.close();
    for (const client of clients) expect(SENT_AWAY).toContain((await client.closed).code);
  });

  test.each([
    ['5', [4009, 4100, 4200]],
    ['6', []],
    ['7', []],
  ])('a client of protocol %s is told the code before its close: %j', async (protocol, codes) => {
    const host = await Host.start();
    const client = host.raw(`/app/${host.app.key}?protocol=${protocol}`);
    await client.greeted();
    await host.close();
    const { code } = await client.closed;
    const errors = client.rest.filter(({ event }) => event === 'pusher:error');
    expect(errors).toHaveLength(codes.length === 0 ? 0 : 1);
    for (const { data } of errors) {
      expect(data).toMatchObject({ code });
      expect(codes).toContain(code);
    }
  });

  test('a client that never answers the close does not hold it up', async () => {
    const host = await Host.start();
    const socket = await upgradedTcp(host.port);
    const ended = once(socket, 'close');
    await host.close();
    await ended;
  });

  test('a client that was refused and never answers the close does not hold it up either', async () => {
    const host = await Host.start();
    const socket = await upgradedTcp(host.port, '/app/nobody?protocol=7');
    const ended = once(socket, 'close');
    await host.close();
    await ended;
  });
});

/** A WebSocket that was opened by hand: it reads what comes and answers nothing, not even a close. */
async function upgradedTcp(port: number, path = `/app/${KEY}?${GOOD}`) {
  const socket = connectTcp(port, '127.0.0.1');
  onTeardown(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.write(knock(path));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 101 /);
  return socket;
}

/** The request that asks for a WebSocket. */
const knock = (path: string) =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
