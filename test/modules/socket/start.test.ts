import 'reflect-metadata';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type DynamicModule,
  type INestApplication,
  Injectable,
  Module,
  type ModuleMetadata,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type Receipt, SocketModule, type SocketModuleOptions, SocketService } from 'nestjs-switchboard';
import { connect } from 'nestjs-switchboard/browser';
import { Counter, Registry } from 'prom-client';
import { EventQueue } from '../../support/event-queue.js';
import { identify, logged, rejection, startFake, startHost } from '../../support/hosts.js';
import { Pusher } from '../../support/pusher-browser.js';
import { startRedis } from '../../support/redis.js';
import { until } from '../../support/redis-until.js';
import { onTeardown } from '../../support/teardown.js';

const HELLO = { from: 'ada', text: 'hello' };
const APP = { id: '1', key: 'the-key', secret: 'the-secret-nobody-may-see' };
const PUSHER: SocketModuleOptions = {
  provider: 'pusher',
  app: APP,
  pusher: { host: '127.0.0.1', port: 1, scheme: 'http' },
};

function appModule(options: SocketModuleOptions, parts: ModuleMetadata = {}) {
  @Module({
    ...parts,
    imports: [SocketModule.forRoot({ env: {}, identify, ...options }), ...(parts.imports ?? [])],
  })
  class AppModule {}
  return AppModule;
}

function onlyWith(socketModule: DynamicModule) {
  @Module({ imports: [socketModule] })
  class OnlyModule {}
  return OnlyModule;
}

/** An application that is created, and does not listen. */
async function created(options: SocketModuleOptions, parts?: ModuleMetadata): Promise<INestApplication> {
  const app = await NestFactory.create(appModule(options, parts), { logger: false, abortOnError: false });
  onTeardown(() => app.close());
  return app;
}

const serverOf = (app: INestApplication) => app.getHttpServer() as Server;
const portOf = (server: Server) => (server.address() as AddressInfo).port;
const startLines = (lines: readonly string[]) => lines.filter((line) => line.startsWith('Provider'));

describe('the start writes one line, which says what was started:', () => {
  test('on ws the gateway’s address, as soon as the server listens', async () => {
    const { lines } = logged('log');
    const app = await created({ provider: 'ws', app: APP });
    await app.init();
    expect(startLines(lines)).toEqual([]);
    await app.listen(0, '127.0.0.1');
    const port = portOf(serverOf(app));
    expect(startLines(lines)).toEqual([
      `Provider "ws", gateway ws://127.0.0.1:${port}/app/the-key, cluster local, delivery direct`,
    ]);
  });

  test('with localhost for a server that listens everywhere, and with the gateway’s path', async () => {
    const { lines } = logged('log');
    const socketModule = SocketModule.forRoot({ env: {}, identify, app: APP, gatewayPath: '/ws' });
    const app = await NestFactory.create(onlyWith(socketModule));
    onTeardown(() => app.close());
    await app.listen(0);
    const port = portOf(serverOf(app));
    expect(startLines(lines)).toEqual([
      `Provider "ws", gateway ws://localhost:${port}/ws/app/the-key, cluster local, delivery direct`,
    ]);
  });

  test.each([
    ['https://app.example.com/api', 'wss://app.example.com/api/ws/app/the-key'],
    ['http://10.0.0.7:8080', 'ws://10.0.0.7:8080/ws/app/the-key'],
  ])('with the public address where the public URL is %s', async (publicUrl, address) => {
    const { lines } = logged('log');
    const env = { SOCKET_PUBLIC_URL: publicUrl };
    const socketModule = SocketModule.forRoot({ env, identify, app: APP, gatewayPath: '/ws' });
    const app = await NestFactory.create(onlyWith(socketModule));
    onTeardown(() => app.close());
    await app.listen(0, '127.0.0.1');
    const port = portOf(serverOf(app));
    expect(startLines(lines)).toEqual([
      `Provider "ws", gateway ws://127.0.0.1:${port}/ws/app/the-key (public ${address}), cluster local, delivery direct`,
    ]);
  });

  test('on pusher at once, without an address', async () => {
    const { lines } = logged('log');
    await (await created(PUSHER)).init();
    expect(startLines(lines)).toEqual(['Provider "pusher", delivery direct']);
  });

  test('with two providers both, and their roles', async () => {
    const { lines } = logged('log');
    await startHost({ ...PUSHER, provider: ['pusher', 'ws'] });
    expect(startLines(lines)).toEqual([
      expect.stringMatching(
        /^Providers "pusher" and "ws" \(failover\), gateway ws:\/\/127\.0\.0\.1:\d+\/app\/the-key, cluster local, delivery direct$/,
      ),
    ]);
  });

  test('in a worker, without a gateway', async () => {
    const { lines } = logged('log');
    logged('warn');
    const worker = await NestFactory.createApplicationContext(appModule({ provider: 'ws' }));
    onTeardown(() => worker.close());
    expect(startLines(lines)).toEqual(['Provider "ws", cluster local, delivery direct']);
  });

  test('on memory, but not in a test with the fake', async () => {
    const { lines } = logged('log');
    await startFake();
    expect(startLines(lines)).toEqual([]);
    await (await created({ provider: 'memory' })).init();
    expect(startLines(lines)).toEqual(['Provider "memory"']);
  });

  test('and none where the application is closed before it listens', async () => {
    const { lines } = logged('log');
    const app = await created({ provider: 'ws' });
    await app.init();
    const server = serverOf(app);
    await app.close();
    expect(server.listenerCount('listening')).toBe(createServer().listenerCount('listening'));
    expect(startLines(lines)).toEqual([]);
  });
});

describe('identify that is missing', () => {
  test('is nothing to warn of without an HTTP server: nobody could call it', async () => {
    const { lines } = logged('warn');
    const bare = SocketModule.forRoot({ env: {}, ...PUSHER });
    const worker = await NestFactory.createApplicationContext(onlyWith(bare));
    onTeardown(() => worker.close());
    expect(lines).toEqual([]);
  });

  test('is warned of with one', async () => {
    const { lines } = logged('warn');
    const bare = SocketModule.forRoot({ env: {}, ...PUSHER });
    const app = await NestFactory.create(onlyWith(bare));
    onTeardown(() => app.close());
    await app.init();
    expect(lines).toEqual([expect.stringContaining('no identify(request)')]);
  });
});

describe('an application that is initialized and does not listen by itself', () => {
  test('serves the gateway on a server that somebody else lets listen, as supertest does', async () => {
    const app = await created({ provider: 'ws' });
    await app.init();
    const server = serverOf(app).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${portOf(server)}`;
    const page = await connect(Pusher, { url, headers: { 'x-member': 'ada' } });
    onTeardown(() => {
      page.disconnect();
    });
    const heard = new EventQueue<object>();
    page.onMember('MEMBER_MESSAGED', (payload) => {
      heard.push(payload);
    });
    await app.get(SocketService).relayToMember('ada', 'MEMBER_MESSAGED', HELLO);
    expect(await heard.next()).toEqual(HELLO);
  });

  test.each([
    ['created', false],
    ['initialized', true],
  ])('can be closed when it is only %s, also twice', async (_, isInitialized) => {
    for (const provider of ['ws', 'memory']) {
      const app = await created({ provider });
      if (isInitialized) await app.init();
      await Promise.all([app.close(), app.close()]);
      await expect(app.close()).resolves.toBeUndefined();
      expect(await app.get(SocketService).health()).toMatchObject({ status: 'down', reason: 'closed' });
      expect(serverOf(app).listenerCount('upgrade')).toBe(0);
    }
  });
});

describe('a relay that is made while the application starts', () => {
  function startingModule(receipts: Map<string, Promise<Receipt>>) {
    @Injectable()
    class Starting {
      constructor(readonly service: SocketService) {
        this.#relay('constructor');
      }
      onModuleInit(): void {
        this.#relay('onModuleInit');
      }
      onApplicationBootstrap(): void {
        this.#relay('onApplicationBootstrap');
      }
      #relay(hook: string): void {
        receipts.set(hook, this.service.broadcast('ANNOUNCED', { message: hook }));
      }
    }
    return Starting;
  }

  test.each([
    ['ws', { provider: 'ws' }, 'sent'],
    ['memory', { provider: 'memory' }, 'sent'],
    ['pusher, where nobody answers', PUSHER, 'queued'],
  ] as const)('on %s is told what became of it', async (_, options, status) => {
    logged('warn');
    logged('error');
    const receipts = new Map<string, Promise<Receipt>>();
    const app = await created(options, { providers: [startingModule(receipts)] });
    await app.init();
    expect([...receipts.keys()]).toEqual(['constructor', 'onModuleInit', 'onApplicationBootstrap']);
    for (const receipt of receipts.values()) expect(await receipt).toMatchObject({ status });
  });
});

describe('a shutdown during the start', () => {
  test('leaves nothing on the server that is attached afterwards', async () => {
    const gate: { open?: () => void } = {};
    const entered = new EventQueue<object>();

    @Injectable()
    class Slow {
      async onModuleInit(): Promise<void> {
        entered.push({});
        await new Promise<void>((resolve) => {
          gate.open = resolve;
        });
      }
    }
    const app = await created({ provider: 'ws' }, { providers: [Slow] });
    const initialized = app.init();
    await entered.next();
    const closed = app.close();
    await new Promise((resolve) => setImmediate(resolve));
    gate.open?.();
    await Promise.allSettled([initialized, closed]);
    await app.close();
    expect(serverOf(app).listenerCount('upgrade')).toBe(0);
    expect(await app.get(SocketService).health()).toMatchObject({ status: 'down', reason: 'closed' });
  });

  test('metrics that cannot be registered leave no connection to Redis', async () => {
    logged('warn');
    logged('error');
    const redis = await startRedis();
    const registry = new Registry();
    new Counter({ name: 'switchboard_relays_total', help: 'somebody else', registers: [registry] });
    const client = redis.client();
    const clients = async () => String(await client.client('LIST')).match(/^id=/gm)?.length;
    expect(await clients()).toBe(1);
    const options = { provider: 'ws', env: { SOCKET_CLUSTER: 'redis', SOCKET_REDIS_URL: redis.url } };
    const start = created({ ...options, metrics: registry });
    expect(String(await rejection(start))).toContain('another metric "switchboard_relays_total"');
    // A connection that is left over tries until it succeeds, so the next application's connections come after it.
    const app = await created(options);
    await app.init();
    await app.close();
    await until('only the test is connected', async () => (await clients()) === 1);
  });

  test('a start that fails can be closed, and leaves nothing on the server', async () => {
    @Injectable()
    class Failing {
      onApplicationBootstrap(): void {
        throw new Error('no database');
      }
    }
    const app = await created({ provider: 'ws' }, { providers: [Failing] });
    expect(await rejection(app.init())).toEqual(new Error('no database'));
    await app.close();
    expect(serverOf(app).listenerCount('upgrade')).toBe(0);
    expect(await app.get(SocketService).health()).toMatchObject({ status: 'down', reason: 'closed' });
  });
});
