import 'reflect-metadata';
import { AsyncLocalStorage } from 'node:async_hooks';
import { jest } from '@jest/globals';
import type { MiddlewareConsumer } from '@nestjs/common';
import { Controller, Logger, Module, type NestMiddleware, Param, Post } from '@nestjs/common';
import { type SocketModuleOptions, SocketService } from 'nestjs-switchboard';
import { type Answer, APP, HttpApi } from '../../adapters/pusher/support.js';
import { EventQueue } from '../../support/event-queue.js';
import { startFake, startHost } from '../../support/hosts.js';
import { startRedis } from '../../support/redis.js';
import { onTeardown } from '../../support/teardown.js';

const HELLO = { from: 'ada', text: 'hello' };
const MEMBERS = ['ada', 'alan', 'grace'];

/** The application's own store, as nestjs-cls and nestjs-pino keep one: the id of the request that is served. */
const requests = new AsyncLocalStorage<string>();

/** What a loss said of its member, and in which request's context it was said. */
interface Told {
  readonly member: string;
  readonly context: string | undefined;
}

type OnRelayError = NonNullable<SocketModuleOptions['onRelayError']>;

/** Collects losses that `onRelayError` is told, and lines about lost or waiting relays that the logger writes. */
function listen() {
  const losses = new EventQueue<Told>();
  const lines: Told[] = [];
  const write = (message: unknown) => {
    const [, member] = /member "(\w+)"/.exec(String(message)) ?? [];
    if (member !== undefined) lines.push({ member, context: requests.getStore() });
  };
  for (const level of ['warn', 'error'] as const) {
    const spy = jest.spyOn(Logger.prototype, level).mockImplementation(write);
    onTeardown(() => {
      spy.mockRestore();
    });
  }
  const onRelayError: OnRelayError = ({ error }) => {
    for (const member of error.lost) losses.push({ member, context: requests.getStore() });
  };
  return { losses, lines, onRelayError };
}

/** Runs one request of each member, side by side. */
function serveEach(serve: (member: string) => Promise<unknown>): Promise<unknown> {
  return Promise.all(MEMBERS.map((member) => requests.run(`request of ${member}`, () => serve(member))));
}

async function expectOwnContexts({ losses, lines }: ReturnType<typeof listen>): Promise<void> {
  const told = [await losses.next(), await losses.next(), await losses.next()];
  expect(told.map(({ member }) => member).sort()).toEqual(MEMBERS);
  const logged = lines.map(({ member }) => member);
  expect(logged).toEqual(expect.arrayContaining(MEMBERS));
  for (const { member, context } of [...told, ...lines]) expect(context).toBe(`request of ${member}`);
}

const toPusher = (port: number, retryDeadlineMs: number): SocketModuleOptions => ({
  provider: 'pusher',
  app: APP,
  failure: 'report',
  pusher: { host: '127.0.0.1', port, scheme: 'http' },
  delivery: { retryDeadlineMs },
});

const startPusher = async (status: number, retryDeadlineMs: number, onRelayError: OnRelayError) => {
  const api = await HttpApi.start((): Answer => ({ status }));
  return { ...(await startHost({ ...toPusher(api.port, retryDeadlineMs), onRelayError })), api };
};

describe('every loss is told and logged in the context of the request that made the call', () => {
  test('when the provider refuses a batch that several requests share', async () => {
    const heard = listen();
    const { app, api } = await startPusher(400, 0, heard.onRelayError);
    const service = app.get(SocketService);
    await serveEach((member) => service.relayToMember(member, 'MEMBER_MESSAGED', { ...HELLO, from: member }));
    await expectOwnContexts(heard);
    expect(api.endpoints).toContain('batch_events');
  });

  test('after retries', async () => {
    const heard = listen();
    const { app, api } = await startPusher(503, 1_000, heard.onRelayError);
    const service = app.get(SocketService);
    await serveEach((member) => service.relayToMember(member, 'MEMBER_MESSAGED', HELLO));
    await expectOwnContexts(heard);
    expect(api.received.length).toBeGreaterThan(1);
  });

  test('when relays wait behind a failed one, and their last attempts fail as the application closes', async () => {
    const heard = listen();
    const host = await startPusher(503, 60_000, heard.onRelayError);
    const service = host.app.get(SocketService);
    await serveEach(async (member) => {
      await service.relayToMember(member, 'MEMBER_MESSAGED', HELLO);
    });
    await requests.run('the end', () => host.close());
    await expectOwnContexts(heard);
  });

  test('after a delay', async () => {
    const heard = listen();
    const { service, fake } = await startFake({ failure: 'report', onRelayError: heard.onRelayError });
    await serveEach((member) => service.relayToMember(member, 'MEMBER_MESSAGED', HELLO, { delayMs: 1_000 }));
    fake.faults.goDown();
    requests.run('the clock', () => {
      fake.advance(1_000);
    });
    await fake.settled();
    await expectOwnContexts(heard);
  });

  test('when the application closes before the delay is over', async () => {
    const heard = listen();
    const { app, service } = await startFake({ failure: 'report', onRelayError: heard.onRelayError });
    await serveEach((member) => service.relayToMember(member, 'MEMBER_MESSAGED', HELLO, { delayMs: 1_000 }));
    await requests.run('the end', () => app.close());
    await expectOwnContexts(heard);
  });

  test('after a commit that several of them share', async () => {
    const heard = listen();
    const { service, fake } = await startFake({ failure: 'report', onRelayError: heard.onRelayError });
    fake.faults.goDown();
    await requests.run('the transaction', () =>
      service.afterCommit(() =>
        serveEach((member) => service.relayToMember(member, 'MEMBER_MESSAGED', HELLO)),
      ),
    );
    await fake.settled();
    await expectOwnContexts(heard);
  });

  test('when the context was opened by a middleware of the application', async () => {
    const heard = listen();
    class RequestContext implements NestMiddleware {
      use(request: { originalUrl: string }, _response: unknown, next: () => void): void {
        requests.run(`request of ${request.originalUrl.slice(1)}`, next);
      }
    }
    @Controller()
    class MembersController {
      constructor(readonly service: SocketService) {}

      @Post(':member')
      message(@Param('member') member: string) {
        return this.service.relayToMember(member, 'MEMBER_MESSAGED', HELLO);
      }
    }
    @Module({ controllers: [MembersController] })
    class MembersModule {
      configure(consumer: MiddlewareConsumer): void {
        consumer.apply(RequestContext).forRoutes(MembersController);
      }
    }
    const api = await HttpApi.start((): Answer => ({ status: 503 }));
    const options = { ...toPusher(api.port, 1_000), onRelayError: heard.onRelayError };
    const { url } = await startHost(options, { imports: [MembersModule] });
    await Promise.all(MEMBERS.map((member) => fetch(`${url}/${member}`, { method: 'POST' })));
    await expectOwnContexts(heard);
  });
});

test('a loss that a worker of the queue finds is told in no request of this process', async () => {
  const heard = listen();
  const redis = await startRedis();
  const api = await HttpApi.start((): Answer => ({ status: 400 }));
  const { app } = await startHost({
    ...toPusher(api.port, 1_000),
    delivery: { mode: 'queue' },
    redis: { url: redis.url },
    onRelayError: heard.onRelayError,
  });
  const service = app.get(SocketService);
  await serveEach((member) => service.relayToMember(member, 'MEMBER_MESSAGED', HELLO));
  for (const _ of MEMBERS) expect(await heard.losses.next()).toMatchObject({ context: undefined });
});
