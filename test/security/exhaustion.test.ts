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

describe('Answers that are never read', () => {
  test('to protocol pings wait in no more than SOCKET_MAX_BUFFERED_BYTES, then the connection is closed', async () => {
    const bufferedBytes = 200_000;
    const host = await Host.start({ gateway: { limits: { bufferedBytes } } });
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
    const host = await Host.start();
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
