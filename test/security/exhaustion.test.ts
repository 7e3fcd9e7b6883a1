import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Host } from '../support/host.js';
import { clientFrame, openByHand } from './support.js';

// A stranger with nothing but a socket, who wants the process to run out of something.

const GATEWAY = '/app/switchboard-key?protocol=7';

/** The server's end of the next connection. */
function nextConnection(host: Host): Promise<Socket> {
  return new Promise((resolve) => {
    for (const server of host.topology.servers) server.once('connection', resolve);
  });
}

/** Writes the same bytes until the server has enough of it. Returns the most that was waiting to be read meanwhile. */
async function floods(client: Socket, server: Socket, bytes: Buffer): Promise<number> {
  let most = 0;
  const ended = once(server, 'close');
  const isOver = ended.then(() => true);
  for (;;) {
    const drained = client.write(bytes) ? new Promise(setImmediate) : once(client, 'drain');
    const over = await Promise.race([
      isOver,
      drained.then(
        () => false,
        () => true,
      ),
    ]);
    most = Math.max(most, server.writableLength);
    if (over) break;
  }
  await ended;
  return most;
}

describe('Names of channels', () => {
  /** Those of one remainder by a power of two: the hash of a text that is a small number is that number. */
  const COLLIDING = Array.from({ length: 1_000 }, (_, n) => String((n + 1) * 4_096));
  const MADE_ALIKE = Array.from({ length: 1_000 }, (_, n) => `${'x'.repeat(150)}${n}`);

  test.each([
    ['that collide in a hash table', COLLIDING],
    ['that are long and differ at their end', MADE_ALIKE],
  ])(
    '%s are no more than SOCKET_MAX_CHANNELS_PER_CONNECTION, and gone with the connection',
    async (_, names) => {
      const host = await Host.start({ gateway: { presenceGraceMs: 0, limits: { subscribesPerSecond: 0 } } });
      const client = host.raw();
      await client.greeted();
      for (const channel of names) client.say('pusher:subscribe', { channel });
      const answers: string[] = [];
      while (answers.length < names.length) answers.push(JSON.stringify(await client.next()));
      expect(answers.filter((answer) => answer.includes('subscription_succeeded'))).toHaveLength(500);
      expect(answers.filter((answer) => answer.includes('"code":4100'))).toHaveLength(names.length - 500);
      expect(host.engines.channels).toBe(500);
      client.socket.close();
      await client.closed;
      while (host.engines.channels > 0) await new Promise(setImmediate);
    },
  );

  test('are no more than SOCKET_MAX_CHANNELS for all strangers together, and members have theirs all the same', async () => {
    const host = await Host.start({ gateway: { limits: { channels: 20 } } });
    const strangers = [host.raw(), host.raw()];
    for (const [number, stranger] of strangers.entries()) {
      await stranger.greeted();
      for (let n = 0; n < 50; n++) stranger.say('pusher:subscribe', { channel: `made-up-${number}-${n}` });
      for (let n = 0; n < 50; n++) await stranger.next();
    }
    expect(host.engines.channels).toBeLessThanOrEqual(host.topology.runtimes.length * 20);
    const member = await host.browser('ada');
    const heard = new Promise((resolve) => member.onMember('TEST_TICKED', resolve));
    await host.runtime.client.relayToMember('ada', 'TEST_TICKED', 'in person');
    expect(await heard).toBe('in person');
  });

  test('are no more than SOCKET_MAX_SUBSCRIBES_PER_SECOND in a second, for who unsubscribes at once too', async () => {
    const host = await Host.start({ gateway: { limits: { subscribesPerSecond: 50 } } });
    const client = host.raw();
    await client.greeted();
    const began = performance.now();
    const COUNT = 400;
    for (let n = 0; n < COUNT; n++) {
      client.say('pusher:subscribe', { channel: `c${n}` });
      client.say('pusher:unsubscribe', { channel: `c${n}` });
    }
    const answers: string[] = [];
    while (answers.length < COUNT) answers.push(JSON.stringify(await client.next()));
    const seconds = Math.ceil((performance.now() - began) / 1_000);
    const joined = answers.filter((answer) => answer.includes('subscription_succeeded')).length;
    expect(joined).toBeGreaterThanOrEqual(50);
    expect(joined).toBeLessThanOrEqual(50 * (seconds + 1));
    // Those that were left are remembered for the grace period, and only those.
    expect(host.engines.channels).toBeLessThanOrEqual(joined);
  });
});

describe('A flood from one connection', () => {
  const LIMIT = 100;
  /** More than a socket's buffers hold. */
  const FLOOD_BYTES = 16_000_000;

  test.each([
    ['pings of the protocol', 1, '{"event":"pusher:ping"}'],
    ['messages that are none', 1, '{'],
    ['binary messages', 2, ''],
    ['client events that are refused', 1, '{"event":"client-a","channel":"private-a"}'],
  ])(
    'of %s is read no faster than SOCKET_MAX_MESSAGES_PER_SECOND, and nobody else waits',
    async (_, opcode, text) => {
      const host = await Host.start({ gateway: { limits: { messagesPerSecond: LIMIT } } });
      const bystander = host.raw();
      await bystander.greeted();
      const accepted = nextConnection(host);
      const client = await openByHand(host.port, GATEWAY);
      const server = await accepted;
      const told = new Promise<void>((resolve) => {
        let answers = '';
        client.on('data', (data: Buffer) => {
          answers += data.toString('latin1');
          if (answers.includes('"code":4301')) resolve();
        });
      });
      const frame = clientFrame(opcode, Buffer.from(text));
      client.write(Buffer.concat(Array<Buffer>(Math.ceil(FLOOD_BYTES / frame.length)).fill(frame)));
      await told;
      for (let n = 0; n < 20; n++) await bystander.isAnswered();
      // The bytes that were read at once when it was one too many, and perhaps once more.
      expect(server.bytesRead).toBeLessThan(300_000);
      expect(client.writableLength).toBeGreaterThan(0);
    },
  );

  test('of the WebSocket’s own pings is read no faster either, where it is slow enough not to be ended for it', async () => {
    const host = await Host.start({ gateway: { limits: { messagesPerSecond: LIMIT } } });
    const accepted = nextConnection(host);
    const client = await openByHand(host.port, GATEWAY);
    const server = await accepted;
    const bystander = host.raw();
    await bystander.greeted();
    let answers = '';
    client.on('data', (data: Buffer) => (answers += data.toString('latin1')));
    const pings = Buffer.concat(Array<Buffer>(10).fill(clientFrame(9, Buffer.alloc(0))));
    while (!answers.includes('"code":4301')) {
      client.write(pings);
      await once(client, 'data');
    }
    await bystander.isAnswered();
    const answered = answers;
    client.write(pings);
    for (let n = 0; n < 20; n++) await bystander.isAnswered();
    expect(answers).toBe(answered);
    expect(server.destroyed).toBe(false);
  });

  test('that ends is answered to the last message, in order', async () => {
    const host = await Host.start({
      gateway: { limits: { messagesPerSecond: LIMIT, subscribesPerSecond: 0 } },
    });
    const client = host.raw();
    await client.greeted();
    const names = Array.from({ length: 2 * LIMIT + 50 }, (_, n) => `c${n}`);
    for (const channel of names) client.say('pusher:subscribe', { channel });
    const answered: string[] = [];
    let told = 0;
    while (answered.length < names.length) {
      const { event, channel } = await client.next();
      if (event === 'pusher:error') told++;
      else answered.push(channel ?? '');
    }
    expect(answered).toEqual(names);
    expect(told).toBe(2);
    await client.isAnswered();
  });
});

describe('Answers that are never read', () => {
  test('to protocol pings wait in no more than SOCKET_MAX_BUFFERED_BYTES, then the connection is closed', async () => {
    const bufferedBytes = 200_000;
    const host = await Host.start({ gateway: { limits: { bufferedBytes, messagesPerSecond: 0 } } });
    const bystander = host.raw();
    await bystander.greeted();
    const accepted = nextConnection(host);
    const client = await openByHand(host.port, GATEWAY);
    const ping = clientFrame(1, Buffer.from('{"event":"pusher:ping"}'));
    const most = await floods(client, await accepted, Buffer.concat(Array<Buffer>(1_000).fill(ping)));
    expect(most).toBeLessThanOrEqual(bufferedBytes);
    await bystander.isAnswered();
  });

  test('to the WebSocket’s own pings are 60 at most, then the connection is ended', async () => {
    const host = await Host.start({ gateway: { limits: { messagesPerSecond: 0 } } });
    const bystander = host.raw();
    await bystander.greeted();
    const accepted = nextConnection(host);
    const client = await openByHand(host.port, GATEWAY);
    const ping = clientFrame(9, Buffer.alloc(125));
    const most = await floods(client, await accepted, Buffer.concat(Array<Buffer>(1_000).fill(ping)));
    expect(most).toBeLessThan(1_048_576);
    await bystander.isAnswered();
  });
});
