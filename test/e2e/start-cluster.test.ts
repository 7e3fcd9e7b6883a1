import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { startRedis } from '../support/redis.js';
import { until } from '../support/redis-until.js';
import { onTeardown } from '../support/teardown.js';

const TEST_MS = 60_000;

interface StartedCluster {
  readonly child: ChildProcessWithoutNullStreams;
  readonly exit: Promise<[code: number | null, signal: string | null]>;
  /** The URLs of the pages, as soon as they are printed. */
  readonly pages: Promise<string[]>;
  readonly output: () => string;
}

/** Runs the built cluster with this environment and nothing else of its own. */
function start(env: Record<string, string> = {}): StartedCluster {
  const child = spawn(process.execPath, ['scripts/start-cluster.mjs'], {
    env: { PATH: process.env['PATH'] ?? '', PORT: '0', ...env },
    stdio: 'pipe',
  });
  let output = '';
  const exit = once(child, 'close') as StartedCluster['exit'];
  // All processes that it has started end with it.
  onTeardown(() => child.kill('SIGKILL'));
  const pages = new Promise<string[]>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        const urls = /Open both pages:\n +(\S+)\n +(\S+)\n/.exec(output)?.slice(1);
        if (urls) resolve(urls);
      });
    }
    child.once('close', () => {
      reject(new Error(`It ended before it had both pages:\n${output}`));
    });
  });
  pages.catch(() => undefined);
  return { child, exit, pages, output: () => output };
}

interface Health {
  readonly status: string;
  readonly provider: string;
  readonly node?: string;
}

async function health(page: string | undefined): Promise<Health> {
  return (await (await fetch(new URL('/health', page))).json()) as Health;
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** The port Redis says it has. */
function redisPort(output: string): number {
  return Number(/\[redis\] .*Running mode=standalone, port=(\d+)/.exec(output)?.[1]);
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  'a Redis and two nodes that know each other start with one command, and all are gone after a %s',
  async (signal) => {
    const cluster = start();
    const pages = await cluster.pages;
    expect(new Set(pages).size).toBe(2);
    const [one, two] = await Promise.all(pages.map(health));
    expect(one).toMatchObject({ status: 'up', provider: 'ws', node: expect.any(String) as string });
    expect(two).toMatchObject({ status: 'up', provider: 'ws', node: expect.any(String) as string });
    expect(one?.node).not.toBe(two?.node);
    expect(await (await fetch(pages[1] ?? '')).text()).toContain('<html');

    cluster.child.kill(signal);
    expect(await cluster.exit).toEqual([0, null]);
    const ports = [redisPort(cluster.output()), ...pages.map((page) => Number(new URL(page).port))];
    expect(await Promise.all(ports.map(isListening))).toEqual([false, false, false]);
    expect(cluster.output()).not.toMatch(/unexpectedly|killing/);
    // First the nodes, which have goodbyes to say; then Redis.
    expect(cluster.output()).toMatch(/\[redis\].*ready to exit[^\n]*\n$/);
  },
  TEST_MS,
);

test(
  'a Redis that is there already is used, and stays',
  async () => {
    const redis = await startRedis();
    const cluster = start({ SOCKET_REDIS_URL: redis.url });
    await cluster.pages;
    expect(cluster.output()).not.toContain('[redis]');
    cluster.child.kill('SIGTERM');
    expect(await cluster.exit).toEqual([0, null]);
    expect(await redis.client().ping()).toBe('PONG');
  },
  TEST_MS,
);

test(
  'a process that dies takes the others with it, by name and with exit code 1',
  async () => {
    const cluster = start();
    const pages = await cluster.pages;
    const port = redisPort(cluster.output());
    const shutdown = connect(port, '127.0.0.1');
    shutdown.on('error', () => undefined).write('SHUTDOWN NOSAVE\r\n');
    onTeardown(() => shutdown.destroy());
    const [code] = await cluster.exit;
    expect(cluster.output()).toContain('redis ended unexpectedly (exit code 0); ending the rest.');
    expect(code).toBe(1);
    const ports = pages.map((page) => Number(new URL(page).port));
    expect(await Promise.all(ports.map(isListening))).toEqual([false, false]);
  },
  TEST_MS,
);

test(
  'a node that cannot start is named, and nothing goes on without it',
  async () => {
    const cluster = start({ SOCKET_FAILURE: 'ignore' });
    const [code] = await cluster.exit;
    expect(cluster.output()).toMatch(/\[node [12]\] .*SOCKET_FAILURE/);
    expect(cluster.output()).toMatch(/node [12] ended unexpectedly \(exit code 1\); ending the rest\./);
    expect(code).toBe(1);
  },
  TEST_MS,
);

test(
  'nothing of it outlives it, even when it is killed',
  async () => {
    const cluster = start();
    const pages = await cluster.pages;
    const ports = [redisPort(cluster.output()), ...pages.map((page) => Number(new URL(page).port))];
    cluster.child.kill('SIGKILL');
    await until('nobody listens any more', async () => {
      const listening = await Promise.all(ports.map(isListening));
      return !listening.includes(true);
    });
  },
  TEST_MS,
);

test('a port that is none is told before anything is started', async () => {
  const cluster = start({ PORT: 'eighty' });
  expect(await cluster.exit).toEqual([1, null]);
  expect(cluster.output()).toBe('PORT: must be a whole number from 0 to 65534; it is "eighty"\n');
});
