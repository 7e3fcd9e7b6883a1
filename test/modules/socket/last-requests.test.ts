import 'reflect-metadata';
import { get, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { Controller, Get, type INestApplication, Injectable, Module } from '@nestjs/common';
import {
  createSocketClient,
  type Receipt,
  socketConfig,
  type SocketModuleOptions,
  SocketService,
} from 'nestjs-switchboard';
import { HttpApi } from '../../adapters/pusher/support.js';
import { EventQueue } from '../../support/event-queue.js';
import { Host } from '../../support/host.js';
import { FRAMEWORKS, logged, startHost } from '../../support/hosts.js';
import { Line } from '../../support/line.js';
import { startRedis } from '../../support/redis.js';
import { until } from '../../support/redis-until.js';
import { onTeardown } from '../../support/teardown.js';

const APP = { id: '42', key: 'test-app-key', secret: 'the-secret-nobody-may-see' };
const HELLO = { from: 'ada', text: 'hello' };
const SILENT = { log: () => undefined, warn: () => undefined, error: () => undefined };

/** A request that the application serves until the test lets it relay. */
class SlowRequest {
  readonly entered: Promise<void>;
  readonly #allowed: Promise<void>;
  #enter: () => void = () => undefined;
  allow: () => void = () => undefined;

  constructor() {
    this.entered = new Promise((resolve) => {
      this.#enter = resolve;
    });
    this.#allowed = new Promise((resolve) => {
      this.allow = resolve;
    });
    // A test that fails must not leave the application waiting.
    onTeardown(() => {
      this.allow();
    });
  }

  async answer(service: SocketService): Promise<string> {
    this.#enter();
    await this.#allowed;
    return (await service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO)).status;
  }

  /** The application's part: `GET /slow`. */
  get module() {
    const answer = (service: SocketService) => this.answer(service);

    @Controller()
    class SlowController {
      constructor(readonly service: SocketService) {}

      @Get('slow')
      slow(): Promise<string> {
        return answer(this.service);
      }
    }

    @Module({ controllers: [SlowController] })
    class SlowModule {}
    return SlowModule;
  }

  /**
   * Closes the application during the request. Resolves when Nest waits for nothing else.
   *
   * @returns the request's answer, and the end of the close
   */
  async closeDuring(app: INestApplication, url: string) {
    const answered = answerOf(`${url}/slow`);
    await this.entered;
    const closed = app.close();
    const server = app.getHttpServer() as Server;
    await until('the server listens no more', () => Promise.resolve(!server.listening));
    return { answered, closed };
  }
}

/** Asks on a connection that is not kept: Node would wait for it. */
function answerOf(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      resolve(text(response));
    }).on('error', reject);
  });
}

const toPusher = (port: number): SocketModuleOptions => ({
  provider: 'pusher',
  app: APP,
  pusher: { host: '127.0.0.1', port, scheme: 'http' },
});

describe.each(Object.keys(FRAMEWORKS) as (keyof typeof FRAMEWORKS)[])(
  'while %s answers its last request',
  (framework) => {
    const httpAdapter = FRAMEWORKS[framework];

    test('a relay goes to hosted Pusher, and health says that the process is draining', async () => {
      const api = await HttpApi.start();
      const request = new SlowRequest();
      const { app, url } = await startHost(toPusher(api.port), { imports: [request.module], httpAdapter });
      const service = app.get(SocketService);
      const { answered, closed } = await request.closeDuring(app, url);
      expect(await service.health()).toMatchObject({ status: 'down', reason: 'draining' });
      request.allow();
      expect(await answered).toBe('sent');
      await closed;
      expect(api.events).toMatchObject([{ name: 'MEMBER_MESSAGED' }]);
      expect(await service.health()).toMatchObject({ status: 'down', reason: 'closed' });
      expect(await service.broadcast('ANNOUNCED', { message: 'late' })).toMatchObject({ status: 'failed' });
    });

    test('a relay that hosted Pusher does not take at once is tried again before the end', async () => {
      logged('warn');
      const api = await HttpApi.start();
      const line = await Line.open(api.port);
      const request = new SlowRequest();
      const { app, url } = await startHost(toPusher(line.port), { imports: [request.module], httpAdapter });
      const { answered, closed } = await request.closeDuring(app, url);
      line.cut();
      const service = app.get(SocketService);
      const receipt = await service.broadcast('ANNOUNCED', { message: 'again' });
      expect(receipt.status).toBe('queued');
      line.mend();
      await api.until(({ events }) => events.length > 0);
      request.allow();
      expect(await answered).toBe('sent');
      await closed;
      expect(api.events).toMatchObject([{ name: 'ANNOUNCED' }, { name: 'MEMBER_MESSAGED' }]);
      expect(service.relays).toMatchObject({ failed: 0, queued: 0 });
    });

    test('a relay gets into the queue, and another process brings it to its member', async () => {
      const api = await HttpApi.start();
      const redis = await startRedis();
      const queue = { delivery: { mode: 'queue' }, redis: { url: redis.url } } as const;
      const request = new SlowRequest();
      const options = { ...toPusher(api.port), ...queue };
      const { app, url } = await startHost(options, { imports: [request.module], httpAdapter });
      const { answered, closed } = await request.closeDuring(app, url);
      request.allow();
      expect(await answered).toBe('queued');
      await closed;
      expect(api.events).toEqual([]);
      const other = await createSocketClient(socketConfig({}, options), SILENT);
      onTeardown(() => other.close());
      await api.until(({ events }) => events.length > 0);
      expect(api.events).toMatchObject([{ name: 'MEMBER_MESSAGED' }]);
    });

    test('a relay reaches a member of another node, also one who was on this node before', async () => {
      const redis = await startRedis();
      const cluster = { cluster: 'redis', redis: { url: redis.url } } as const;
      const request = new SlowRequest();
      const first = await Host.start({ ...cluster, imports: [request.module], httpAdapter });
      const second = await Host.start(cluster);
      const here = first.raw();
      await here.greeted();
      const page = await second.browser('ada');
      const heard = new EventQueue<object>();
      page.onMember('MEMBER_MESSAGED', (payload) => {
        heard.push(payload);
      });
      const service = first.nest.get(SocketService);
      const { answered, closed } = await request.closeDuring(first.nest, first.url);
      expect(await here.closed).toMatchObject({ code: 4200 });
      expect(await service.health()).toMatchObject({ status: 'down', reason: 'draining', connections: 0 });
      expect(await service.onlineMembers(['ada', 'alan'])).toEqual(new Set(['ada']));
      request.allow();
      expect(await answered).toBe('sent');
      expect(await heard.next()).toEqual(HELLO);
      await closed;
      expect(await service.health()).toMatchObject({ status: 'down', reason: 'closed' });
    });

    test.each(['failover', 'mirror'] as const)(
      'a relay goes to the hosted one of two providers (%s)',
      async (role) => {
        const api = await HttpApi.start();
        const request = new SlowRequest();
        const options = { ...toPusher(api.port), provider: ['pusher', 'ws'], second: { role } } as const;
        const { app, url } = await startHost(options, { imports: [request.module], httpAdapter });
        const { answered, closed } = await request.closeDuring(app, url);
        expect(await app.get(SocketService).health()).toMatchObject({ status: 'down', reason: 'draining' });
        request.allow();
        expect(await answered).toBe('sent');
        await closed;
        expect(api.events).toMatchObject([{ name: 'MEMBER_MESSAGED' }]);
      },
    );

    test('on one node alone a relay is accepted, and its clients are gone', async () => {
      const request = new SlowRequest();
      const host = await Host.start({ imports: [request.module], httpAdapter });
      const here = host.raw();
      await here.greeted();
      const { answered, closed } = await request.closeDuring(host.nest, host.url);
      expect(await here.closed).toMatchObject({ code: 4100 });
      request.allow();
      expect(await answered).toBe('sent');
      await closed;
    });

    test('that takes longer than it may, everything is closed, and its relay is lost', async () => {
      const { lines } = logged('warn');
      logged('error');
      const api = await HttpApi.start();
      const request = new SlowRequest();
      const options = { ...toPusher(api.port), closeTimeoutMs: 1 };
      const { app, url } = await startHost(options, { imports: [request.module], httpAdapter });
      const service = app.get(SocketService);
      const { answered, closed } = await request.closeDuring(app, url);
      await until('it is closed', async () => (await service.health()).reason === 'closed');
      expect(lines).toEqual([
        'The application has not ended its last requests within 1 ms (SOCKET_CLOSE_TIMEOUT_MS): their relays are lost',
      ]);
      request.allow();
      expect(await answered).toBe('failed');
      await closed;
      expect(api.events).toEqual([]);
    });
  },
);

/** Relays in every hook that Nest calls while an application ends, and remembers the receipts. */
function endingModule(receipts: Map<string, Receipt>) {
  @Injectable()
  class Ending {
    constructor(readonly service: SocketService) {}

    onModuleDestroy(): Promise<void> {
      return this.#relay('onModuleDestroy');
    }

    beforeApplicationShutdown(): Promise<void> {
      return this.#relay('beforeApplicationShutdown');
    }

    onApplicationShutdown(): Promise<void> {
      return this.#relay('onApplicationShutdown');
    }

    async #relay(hook: string): Promise<void> {
      receipts.set(hook, await this.service.broadcast('ANNOUNCED', { message: hook }));
    }
  }

  @Module({ providers: [Ending] })
  class EndingModule {}
  return EndingModule;
}

test('the application’s own shutdown hooks can relay, all of them', async () => {
  const api = await HttpApi.start();
  const receipts = new Map<string, Receipt>();
  const { app } = await startHost(toPusher(api.port), { imports: [endingModule(receipts)] });
  await app.close();
  expect([...receipts].map(([hook, { status }]) => [hook, status])).toEqual([
    ['onModuleDestroy', 'sent'],
    ['beforeApplicationShutdown', 'sent'],
    ['onApplicationShutdown', 'sent'],
  ]);
  expect(api.events).toHaveLength(3);
});

test('a delayed relay that waits in memory at the end is reported as lost', async () => {
  logged('error');
  const lost: string[] = [];
  const api = await HttpApi.start();
  const request = new SlowRequest();
  const { app, url } = await startHost(
    { ...toPusher(api.port), onRelayError: ({ error }) => lost.push(error.message) },
    { imports: [request.module] },
  );
  const { closed } = await request.closeDuring(app, url);
  const service = app.get(SocketService);
  const receipt = await service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO, { delayMs: 3_600_000 });
  expect(receipt.status).toBe('queued');
  expect(lost).toEqual([]);
  request.allow();
  await closed;
  expect(lost).toEqual([expect.stringContaining('the application closed before its delay was over')]);
});
