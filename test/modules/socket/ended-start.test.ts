import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { onTeardown } from '../../support/teardown.js';

const SCRIPT = fileURLToPath(new URL('slow-start.mjs', import.meta.url));
/** A process that has not ended by then is killed, and the test fails. It takes 3 seconds until it has loaded everything. */
const BOUND_MS = 20_000;

interface Started {
  readonly child: ChildProcess;
  /** Resolves when the process has told that it is there. */
  readonly reached: (place: string) => Promise<void>;
  readonly ended: Promise<[code: number | null, signal: string | null]>;
}

function start(redis: Pick<RedisServer, 'url'>, env: Record<string, string> = {}): Started {
  const child = spawn(process.execPath, [SCRIPT], {
    env: { PATH: process.env['PATH'], REDIS_URL: redis.url, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: BOUND_MS,
    killSignal: 'SIGKILL',
  });
  const lines = createInterface(child.stdout);
  const reached = (place: string) =>
    new Promise<void>((resolve, reject) => {
      lines.on('line', (line) => {
        if (line === place) resolve();
      });
      child.once('close', () => {
        reject(new Error(`It ended before it was at ${place}.`));
      });
    });
  return { child, reached, ended: once(child, 'close') as Started['ended'] };
}

/** What the node has left in Redis. BullMQ keeps a description of the queue. */
async function leftIn(redis: RedisServer): Promise<string[]> {
  const keys = await redis.client().keys('*');
  return keys.filter((key) => !key.startsWith('{test:queue}'));
}

const PLACES = ['onModuleInit', 'onApplicationBootstrap', 'listening'];

describe.each(PLACES)('a process that is at %s', (place) => {
  test.each([
    ['a SIGTERM', ['SIGTERM']],
    ['a second SIGTERM', ['SIGTERM', 'SIGTERM']],
  ] as const)('ends by itself after %s, and leaves no node in Redis', async (_, signals) => {
    const redis = await startRedis();
    const { child, reached, ended } = start(redis);
    await reached(place);
    for (const signal of signals) child.kill(signal);
    expect(await ended).toEqual([null, 'SIGTERM']);
    expect(await leftIn(redis)).toEqual([]);
  });
});

test.each(['onModuleInit', 'onApplicationBootstrap'])(
  'a process that closes its application in %s ends when nothing is left to wait for, and leaves no node in Redis',
  async (place) => {
    const redis = await startRedis();
    const { reached, ended } = start(redis, { CLOSED_IN: place });
    await reached('closed');
    expect(await ended).toEqual([0, null]);
    expect(await leftIn(redis)).toEqual([]);
  },
);

/** A way to a server that tells of the first connection; without a server nobody answers at its end. */
async function gateTo(target?: number): Promise<{ url: string; entered: Promise<unknown> }> {
  const sockets: Socket[] = [];
  const gate = createServer((near) => {
    sockets.push(near.on('error', () => undefined));
    if (target === undefined) return;
    const far = connect(target, '127.0.0.1').on('error', () => undefined);
    near.pipe(far).pipe(near);
  }).listen(0, '127.0.0.1');
  onTeardown(() => {
    gate.close();
    for (const socket of sockets) socket.destroy();
  });
  const entered = once(gate, 'connection');
  await once(gate, 'listening');
  return { url: `redis://127.0.0.1:${(gate.address() as AddressInfo).port}`, entered };
}

test('a process that is about to join the cluster ends by itself after a SIGTERM, and leaves no node in Redis', async () => {
  const redis = await startRedis();
  const { url, entered } = await gateTo(redis.port);
  const { child, ended } = start({ url });
  await entered;
  child.kill('SIGTERM');
  expect(await ended).toEqual([null, 'SIGTERM']);
  expect(await leftIn(redis)).toEqual([]);
});

test('a process that waits for a Redis that does not answer ends by itself after a SIGTERM', async () => {
  const { url, entered } = await gateTo();
  const { child, ended } = start({ url });
  await entered;
  child.kill('SIGTERM');
  expect(await ended).toEqual([null, 'SIGTERM']);
});

test('a process that listens while Redis stands still ends by itself after a SIGTERM', async () => {
  const redis = await startRedis();
  const { child, reached, ended } = start(redis);
  await reached('listening');
  redis.pause();
  child.kill('SIGTERM');
  expect(await ended).toEqual([null, 'SIGTERM']);
});
