import 'reflect-metadata';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Injectable, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { type Receipt, SocketModule, type SocketModuleOptions, SocketService } from 'nestjs-switchboard';
import { APP, HttpApi } from '../../adapters/pusher/support.js';
import { identify, logged, rejection } from '../../support/hosts.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { startRedisCluster } from '../../support/redis-cluster.js';
import { until } from '../../support/redis-until.js';
import { onTeardown } from '../../support/teardown.js';

const SCRIPT = fileURLToPath(new URL('failing-start.mjs', import.meta.url));
/** The process loads Nest, ioredis and BullMQ, and answers two calls. */
const BOUND_MS = 20_000;
const HELLO = { from: 'ada', text: 'hello' };

const STARTED_AS = ['an application', 'an application without a server', 'a testing module'];
const FAILS_IN = ['a provider', 'onModuleInit', 'onApplicationBootstrap'];

/** Runs it to its end. It is killed when it does not end by itself. */
async function failedStart(url: string, startedAs: string, failsIn: string): Promise<[string, unknown]> {
  const child = spawn(process.execPath, [SCRIPT], {
    env: { PATH: process.env['PATH'], REDIS_URL: url, STARTED_AS: startedAs, FAILS_IN: failsIn },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: BOUND_MS,
    killSignal: 'SIGKILL',
  });
  const ended = once(child, 'close');
  return [await text(child.stdout), await ended];
}

describe.each(STARTED_AS)('%s whose start fails', (startedAs) => {
  test.each(FAILS_IN)(
    'in %s ends by itself, although it has used Redis, and leaves no node',
    async (failsIn) => {
      const redis = await startRedis();
      const [output, ending] = await failedStart(redis.url, startedAs, failsIn);
      expect(output).toBe('queued\n0\nno database\n');
      expect(ending).toEqual([3, null]);
      const keys = await redis.client().keys('*');
      expect(keys.filter((key) => !key.startsWith('{test:queue}'))).toEqual([]);
    },
  );
});

test('an application whose start fails ends by itself on a Redis Cluster too', async () => {
  const { urls } = await startRedisCluster();
  const url = `redis://${urls.map((address) => new URL(address).host).join(',')}`;
  const [output, ending] = await failedStart(url, 'an application', 'onApplicationBootstrap');
  expect(output).toBe('queued\n0\nno database\n');
  expect(ending).toEqual([3, null]);
});

test('an application whose start fails ends by itself where Redis cannot be reached', async () => {
  const url = 'redis://127.0.0.1:1';
  const [output, ending] = await failedStart(url, 'an application', 'onApplicationBootstrap');
  expect(output).toBe('failed\nundefined\nno database\n');
  expect(ending).toEqual([3, null]);
});

/** Calls that are made while the application starts, one after the other. */
const CALLS: readonly ((service: SocketService) => Promise<unknown>)[] = [
  (service) => service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO),
  (service) => service.onlineMembers(['ada']),
  (service) => service.health(),
];

function failingIn(hook: string): Type {
  @Injectable()
  class Failing {
    constructor(readonly service: SocketService) {
      if (hook === 'a constructor') throw new Error('no database');
    }
    async onModuleInit(): Promise<void> {
      for (const call of CALLS) await call(this.service);
    }
    onApplicationBootstrap(): void {
      if (hook === 'onApplicationBootstrap') throw new Error('no database');
    }
  }
  return Failing;
}

function moduleOf(options: SocketModuleOptions, providers: Type[]): Type {
  @Module({ imports: [SocketModule.forRoot({ env: {}, identify, ...options })], providers })
  class AppModule {}
  return AppModule;
}

const STARTS: Readonly<Record<string, (module: Type) => Promise<unknown>>> = {
  'a testing module': async (module) =>
    (await Test.createTestingModule({ imports: [module] }).compile()).init(),
  'an application': async (module) =>
    (await NestFactory.create(module, { logger: false, abortOnError: false })).init(),
  'an application without a server': (module) =>
    NestFactory.createApplicationContext(module, { logger: false, abortOnError: false }),
};

/** Counts the connections to Redis, the one that asks among them. */
function connectionsTo(redis: RedisServer): () => Promise<number | undefined> {
  const client = redis.client();
  return async () => String(await client.client('LIST')).match(/^id=/gm)?.length;
}

const openSockets = () =>
  process.getActiveResourcesInfo().filter((kind) => kind.startsWith('TCPSocket')).length;

function clusterAndQueue(redis: RedisServer): SocketModuleOptions {
  return { provider: 'ws', cluster: 'redis', delivery: { mode: 'queue' }, redis: { url: redis.url } };
}

describe.each(['a constructor', 'onApplicationBootstrap'])('a start that fails in %s', (hook) => {
  test.each(Object.keys(STARTS))(
    'of %s leaves no connection and no socket in a process that goes on',
    async (kind) => {
      logged('warn');
      const redis = await startRedis();
      const connections = connectionsTo(redis);
      expect(await connections()).toBe(1);
      const before = openSockets();
      const start = STARTS[kind]?.(moduleOf(clusterAndQueue(redis), [failingIn(hook)]));
      expect(await rejection(Promise.resolve(start))).toEqual(new Error('no database'));
      await until('only the test is connected', async () => (await connections()) === 1);
      await until('every socket is closed', async () => openSockets() === before);
    },
  );
});

test('the queue has no worker before the last hook, so that an application that fails takes nothing from it', async () => {
  logged('warn');
  const [redis, api] = [await startRedis(), await HttpApi.start()];
  const connections = connectionsTo(redis);
  const options: SocketModuleOptions = {
    provider: 'pusher',
    app: APP,
    pusher: { host: '127.0.0.1', port: api.port, scheme: 'http' },
    delivery: { mode: 'queue' },
    redis: { url: redis.url },
  };
  @Injectable()
  class Failing {
    constructor(readonly service: SocketService) {}
    async onModuleInit(): Promise<void> {
      await this.service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO);
    }
    async onApplicationBootstrap(): Promise<void> {
      await until('only the test is connected', async () => (await connections()) === 1);
      throw new Error('no database');
    }
  }
  const quiet = { logger: false, abortOnError: false } as const;
  const failed = NestFactory.createApplicationContext(moduleOf(options, [Failing]), quiet);
  expect(await rejection(failed)).toEqual(new Error('no database'));
  expect(api.events).toEqual([]);
  const next = await NestFactory.createApplicationContext(moduleOf(options, []), quiet);
  onTeardown(() => next.close());
  await until('the relay has come', () => Promise.resolve(api.events.length === 1));
});

test('relays of every hook are in Redis before the start has ended, on the queue and in the cluster', async () => {
  const redis = await startRedis();
  for (const mode of ['queue', 'direct'] as const) {
    const receipts: Receipt[] = [];
    @Injectable()
    class Relaying {
      constructor(readonly service: SocketService) {}
      async onModuleInit(): Promise<void> {
        receipts.push(await this.service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO));
        receipts.push(await this.service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO));
      }
      async onApplicationBootstrap(): Promise<void> {
        receipts.push(await this.service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO));
      }
    }
    const module = moduleOf({ ...clusterAndQueue(redis), delivery: { mode } }, [Relaying]);
    const app = await NestFactory.create(module, { logger: false, abortOnError: false });
    onTeardown(() => app.close());
    await app.init();
    const status = mode === 'queue' ? 'queued' : 'sent';
    expect(receipts.map((receipt) => receipt.status)).toEqual([status, status, status]);
    expect(await app.get(SocketService).health()).toMatchObject({ status: 'up' });
  }
});
