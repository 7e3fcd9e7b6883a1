import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { redisBinary } from '../../scripts/redis-process.mjs';
import { type ClientOptions, LEAVE_AT_ONCE, startRedis } from './redis.js';
import { startRedisCluster } from './redis-cluster.js';
import { startProtectedRedis } from './redis-protected.js';
import { startSentinelRedis } from './redis-sentinel.js';
import { onTeardownOf } from './redis-teardown.js';
import { startTlsRedis } from './redis-tls.js';
import { until } from './redis-until.js';
import { onTeardown } from './teardown.js';

const SLOW_MS = 60_000;

/** A client of the test's own, which does not come back by itself. */
function clientOf(url: string, options: ClientOptions = {}): Redis {
  const client = new Redis(url, {
    ...LEAVE_AT_ONCE,
    lazyConnect: true,
    retryStrategy: () => null,
    ...options,
  });
  client.on('error', () => undefined);
  onTeardown(() => {
    client.disconnect();
  });
  return client;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

// A process that is gone can keep its id until somebody asks how it ended; its port it cannot.
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

test('a Redis answers on its own port and keeps what it is told', async () => {
  const redis = await startRedis();
  const client = redis.client();
  expect(await client.set('who', 'ada')).toBe('OK');
  expect(await client.get('who')).toBe('ada');
  expect(redis.url).toBe(`redis://127.0.0.1:${redis.port}`);
  expect(await client.config('GET', 'save')).toEqual(['save', '']);
  expect(await client.config('GET', 'bind')).toEqual(['bind', '127.0.0.1']);
});

test('many that start at once do not take each other’s ports', async () => {
  const servers = await Promise.all(Array.from({ length: 8 }, () => startRedis()));
  expect(new Set(servers.map(({ port }) => port)).size).toBe(8);
});

test('a port that is taken is given up for another', async () => {
  const [first, second] = await Promise.all([startRedis(), startRedis()]);
  const random = jest.spyOn(Math, 'random');
  onTeardown(() => {
    random.mockRestore();
  });
  const draw = (port: number): number => (port - 20_000 + 0.5) / 12_000;
  random.mockReturnValueOnce(draw(first.port)).mockReturnValueOnce(draw(second.port));
  const third = await startRedis();
  expect(random.mock.calls.length).toBeGreaterThanOrEqual(3);
  expect([first.port, second.port]).not.toContain(third.port);
  expect(await third.client().ping()).toBe('PONG');
});

test('a restart keeps the port, forgets the data, and clients find it again', async () => {
  const redis = await startRedis();
  const client = redis.client();
  await client.set('who', 'ada');
  const [port, pid] = [redis.port, redis.pid];
  await redis.restart();
  expect(redis.port).toBe(port);
  expect(redis.pid).not.toBe(pid);
  expect(isRunning(pid)).toBe(false);
  expect(await client.get('who')).toBeNull();
});

test('a stopped Redis refuses connections until it is restarted', async () => {
  const redis = await startRedis();
  await redis.stop();
  expect(await isListening(redis.port)).toBe(false);
  expect(() => redis.pid).toThrow('This Redis is stopped');
  await redis.stop();
  await redis.restart();
  expect(await redis.client().ping()).toBe('PONG');
});

test('a restart does not settle for another port', async () => {
  const redis = await startRedis();
  await redis.stop();
  const occupier = createServer().listen(redis.port, '127.0.0.1');
  await once(occupier, 'listening');
  await expect(redis.restart()).rejects.toThrow(/did not start:[^]*Address already in use/);
  occupier.close();
  await once(occupier, 'close');
  await redis.restart();
  expect(await redis.client().ping()).toBe('PONG');
});

test('a paused Redis keeps its connections and answers only when it is resumed', async () => {
  const redis = await startRedis();
  const client = redis.client();
  const impatient = redis.client({ commandTimeout: 1_000 });
  await Promise.all([client.ping(), impatient.ping()]);
  redis.pause();
  const answer = client.echo('still here');
  await expect(impatient.ping()).rejects.toThrow('Command timed out');
  redis.resume();
  expect(await answer).toBe('still here');
});

test('a paused Redis can be restarted too', async () => {
  const redis = await startRedis();
  redis.pause();
  await redis.restart();
  expect(await redis.client().ping()).toBe('PONG');
});

test('the commands it processed are counted by kind, since its start', async () => {
  const redis = await startRedis();
  const client = redis.client();
  await client.publish('news', 'one');
  await client.publish('news', 'two');
  await client.eval("redis.call('SADD', KEYS[1], 'ada')", 1, 'roster');
  expect(await redis.commands()).toMatchObject({ publish: 2, eval: 1, sadd: 1 });
  await redis.restart();
  expect((await redis.commands())['publish']).toBeUndefined();
});

describe('the lifetime of a Redis', () => {
  let ofTheTest: { pid: number; folder: string };
  let ofTheFile: { pid: number; folder: string };
  let closedBefore = false;

  beforeAll(async () => {
    ofTheFile = await startRedis({ until: 'file' });
    onTeardownOf('file', () => (closedBefore = isRunning(ofTheFile.pid)));
  });

  test('is the test that started it', async () => {
    const { pid, folder } = (ofTheTest = await startRedis());
    ofTheTest = { pid, folder };
    expect(isRunning(pid) && existsSync(folder)).toBe(true);
  });

  test('or the whole file, and no longer', () => {
    expect(isRunning(ofTheTest.pid) || existsSync(ofTheTest.folder)).toBe(false);
    expect(isRunning(ofTheFile.pid) && existsSync(ofTheFile.folder)).toBe(true);
    expect(closedBefore).toBe(false);
  });
});

test('nothing of it outlives a process that is killed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'switchboard-redis-'));
  onTeardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const script = `
    import { startRedisProcess } from './scripts/redis-process.mjs';
    const folder = ${JSON.stringify(folder)};
    const args = (port) => ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
    const { port } = await startRedisProcess(args, { folder });
    process.stdout.write(String(port));`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTeardown(() => owner.kill('SIGKILL'));
  const [told] = (await once(owner.stdout, 'data')) as [Buffer];
  const port = Number(told.toString());
  expect(await isListening(port)).toBe(true);
  owner.kill('SIGKILL');
  await until('the Redis is gone', async () => !existsSync(folder) && !(await isListening(port)));
});

describe('the programs on the PATH', () => {
  const path = process.env['PATH'];
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'switchboard-path-'));
    onTeardown(() => {
      process.env['PATH'] = path;
      rmSync(folder, { recursive: true });
    });
  });

  test('without a redis-server a sentence says how to install one', async () => {
    process.env['PATH'] = folder;
    await expect(startRedis()).rejects.toThrow(/no redis-server on the PATH.*apt-get install redis-server/);
  });

  test('a valkey-server does as well', async () => {
    symlinkSync(redisBinary() ?? '', join(folder, 'valkey-server'));

    expect(redisBinary(folder)).toBe(join(folder, 'valkey-server'));
    process.env['PATH'] = folder;
    expect(await (await startRedis()).client().ping()).toBe('PONG');
  });

  test('a Redis that does not start says why', async () => {
    await expect(startRedis({ args: ['--no-such-setting', 'yes'] })).rejects.toThrow(
      /did not start:[^]*no-such-setting/,
    );
  });
});

describe('a protected Redis', () => {
  test('answers the default user and the ACL user, each with a password from the URL', async () => {
    const { server, userUrl } = await startProtectedRedis();
    expect(await server.client().acl('WHOAMI')).toBe('default');
    expect(await clientOf(userUrl).acl('WHOAMI')).toBe('worker');
  });

  test('refuses whoever has no password, or another one', async () => {
    const { server, openUrl, user } = await startProtectedRedis();
    await expect(clientOf(openUrl, { enableReadyCheck: false }).ping()).rejects.toThrow('NOAUTH');
    const stranger = `redis://${user.name}:guess@127.0.0.1:${server.port}`;
    await expect(clientOf(stranger).ping()).rejects.toThrow(/WRONGPASS|NOAUTH/);
  });

  test('can keep its ACL user to some keys and channels', async () => {
    const rules = ['~switchboard:*', '&switchboard:*', '+@all'];
    const { userUrl } = await startProtectedRedis({ rules });
    const worker = clientOf(userUrl);
    expect(await worker.set('switchboard:who', 'ada')).toBe('OK');
    await expect(worker.set('who', 'ada')).rejects.toThrow('NOPERM');
    await expect(worker.publish('news', 'one')).rejects.toThrow('NOPERM');
  });
});

test('a Redis with TLS answers who trusts its certificate, and nobody without TLS', async () => {
  const { server, ca } = await startTlsRedis();
  expect(server.url).toBe(`rediss://127.0.0.1:${server.port}`);
  expect(await server.client().ping()).toBe('PONG');
  expect(await clientOf(`rediss://localhost:${server.port}`, { tls: { ca } }).ping()).toBe('PONG');
  await expect(clientOf(server.url).connect()).rejects.toThrow(/self-signed|closed/);
  await expect(clientOf(`redis://127.0.0.1:${server.port}`).connect()).rejects.toThrow();
  await server.restart();
  expect(await server.client().ping()).toBe('PONG');
});

describe('a Redis Cluster', () => {
  test(
    'spreads keys and sharded channels over three primaries, and is whole again after one was restarted',
    async () => {
      const cluster = await startRedisCluster();
      const client = cluster.client();
      const names = ['{a}', '{b}', '{c}', '{d}', '{e}', '{f}'];
      for (const name of names) expect(await client.set(`${name}key`, name)).toBe('OK');
      for (const name of names) expect(await client.get(`${name}key`)).toBe(name);
      const sizes = await Promise.all(cluster.nodes.map((node) => node.client().dbsize()));
      expect(sizes.every((size) => size > 0)).toBe(true);
      expect(sizes.reduce((sum, size) => sum + size)).toBe(names.length);

      const [low] = cluster.nodes;
      const subscriber = low.client();
      const heard = once(subscriber, 'smessage');
      // "{b}" is slot 3300, which is the first node's.
      await subscriber.ssubscribe('{b}news');
      expect(await client.spublish('{b}news', 'hello')).toBe(1);
      expect(await heard).toEqual(['{b}news', 'hello']);

      await low.restart();
      await cluster.whole();
      expect(await cluster.client().get('{b}key')).toBeNull();
    },
    SLOW_MS,
  );
});

describe('Redis with sentinels', () => {
  test(
    'has the replica take over when it is told to, and clients follow',
    async () => {
      const redis = await startSentinelRedis();
      expect(redis.sentinels).toHaveLength(3);
      expect(await redis.currentPrimary()).toBe(redis.primary);
      const client = redis.client();
      await client.set('who', 'ada');
      expect(await client.wait(1, 5_000)).toBe(1);

      await redis.failover();
      expect(await redis.currentPrimary()).toBe(redis.replica);
      expect(await redis.client().set('where', 'here')).toBe('OK');
      expect(await redis.replica.client().mget('who', 'where')).toEqual(['ada', 'here']);
    },
    SLOW_MS,
  );

  test(
    'has the replica take over when the primary dies',
    async () => {
      const redis = await startSentinelRedis({ sentinels: 1 });
      await redis.primary.stop();
      await redis.replaced(redis.primary);
      expect(await redis.currentPrimary()).toBe(redis.replica);
      expect(await redis.client().set('who', 'ada')).toBe('OK');
      expect(await redis.replica.client().get('who')).toBe('ada');
    },
    SLOW_MS,
  );
});
