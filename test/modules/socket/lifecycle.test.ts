import 'reflect-metadata';
import { once } from 'node:events';
import { Server } from 'node:http';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import {
  AuthorizeChannel,
  type ChannelAuthorizer,
  type Identity,
  SocketModule,
  type SocketModuleOptions,
  SocketService,
  SocketUnavailableError,
} from 'nestjs-switchboard';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { WebSocket } from 'ws';
import { SocketRuntime } from '../../../src/runtime/socket-runtime.js';
import { FRAMEWORKS, identify, startHost } from '../../support/hosts.js';
import { onTeardown } from '../../support/teardown.js';

const HELLO = { from: 'ada', text: 'hello' };
const PROVIDERS: readonly [string, SocketModuleOptions][] = [
  ['ws', { provider: 'ws' }],
  ['memory', { provider: 'memory' }],
  [
    'pusher and ws',
    {
      provider: ['pusher', 'ws'],
      app: { id: '1', key: 'k', secret: 's' },
      pusher: { host: '127.0.0.1', port: 1 },
    },
  ],
  [
    'pusher',
    { provider: 'pusher', app: { id: '1', key: 'k', secret: 's' }, pusher: { host: '127.0.0.1', port: 1 } },
  ],
];

async function openSocket(url: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/app/switchboard-key?protocol=7`);
  onTeardown(() => {
    socket.terminate();
  });
  await once(socket, 'message');
  return socket;
}

describe.each(Object.keys(FRAMEWORKS) as (keyof typeof FRAMEWORKS)[])(
  'closing an application over %s',
  (framework) => {
    test('on ws ends every socket and takes every listener off the HTTP server', async () => {
      const { app, url } = await startHost({ provider: 'ws' }, { httpAdapter: FRAMEWORKS[framework] });
      const server = app.getHttpServer() as Server;
      const runtime = app.get(SocketRuntime);
      const sockets = [await openSocket(url), await openSocket(url)];
      expect(await runtime.client.health()).toEqual({ status: 'up', connections: 2 });
      const closed = Promise.all(sockets.map((socket) => once(socket, 'close')));
      await app.close();
      // 4100: clients come back after a second, because no other node takes them before.
      expect((await closed).map(([code]) => code as number)).toEqual([4100, 4100]);
      expect(server.listenerCount('upgrade')).toBe(0);
      expect(server.emit === Server.prototype.emit).toBe(true);
      expect(server.listening).toBe(false);
      expect(await runtime.client.health()).toMatchObject({ status: 'down', connections: 0 });
    });
  },
);

describe.each(PROVIDERS)('on %s', (_, options) => {
  test('a closed application closes its client, which then rejects what it is asked', async () => {
    const { app } = await startHost({ failure: 'throw', ...options });
    const service = app.get(SocketService);
    await app.close();
    expect(await service.health()).toMatchObject({ status: 'down' });
    await expect(service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO)).rejects.toThrow(
      SocketUnavailableError,
    );
  });

  test('an application may be closed twice', async () => {
    const { app } = await startHost(options);
    await app.close();
    await expect(app.close()).resolves.toBeUndefined();
  });

  test('a testing module that was never started can be closed', async () => {
    const module = await Test.createTestingModule({
      imports: [SocketModule.forRoot({ env: {}, identify, ...options })],
    }).compile();
    await expect(module.close()).resolves.toBeUndefined();
  });
});

test('two applications in one process, one after the other and side by side, do not meet', async () => {
  const first = await startHost({ provider: 'ws' });
  const second = await startHost({ provider: 'ws' });
  await openSocket(first.url);
  await first.app.close();
  await openSocket(second.url);
  expect(await second.app.get(SocketService).health()).toEqual({ status: 'up', connections: 1 });
});

describe.each([
  ['ws', { provider: 'ws' }],
  ['memory', { provider: 'memory' }],
] as const)('without an HTTP server, on %s,', (provider, options) => {
  @Injectable()
  class Worker {
    constructor(readonly socketService: SocketService) {}
  }

  @AuthorizeChannel('private-jobs.{owner}')
  class JobsChannel implements ChannelAuthorizer<{ owner: string }> {
    authorize(member: Identity, { owner }: { owner: string }): boolean {
      return owner === member.id;
    }
  }

  @Module({ imports: [SocketModule.forRoot({ env: {}, ...options })], providers: [Worker, JobsChannel] })
  class WorkerModule {}

  test('a worker relays, asks and is released', async () => {
    const context = await NestFactory.createApplicationContext(WorkerModule, {
      logger: false,
      abortOnError: false,
    });
    onTeardown(() => context.close());
    const { socketService } = context.get(Worker);
    expect(socketService.provider).toBe(provider);
    const receipts = [
      await socketService.relayToMember('ada', 'MEMBER_MESSAGED', HELLO),
      await socketService.relayToChannel('private-jobs.ada', 'MEMBER_MESSAGED', HELLO),
      await socketService.broadcast('ANNOUNCED', { message: 'done' }),
      await socketService.disconnectMember('ada'),
    ];
    expect(receipts.map(({ status }) => status)).toEqual(['sent', 'sent', 'sent', 'sent']);
    expect(await socketService.onlineMembers(['ada'])).toEqual(new Set());
    expect(await socketService.health()).toEqual({ status: 'up', connections: 0 });
    await context.close();
    expect(await socketService.health()).toMatchObject({ status: 'down' });
  });
});

test('a worker’s relay reaches the fake’s members', async () => {
  @Module({ imports: [SocketModule.forRoot({ env: {} }), SocketTestingModule] })
  class WorkerModule {}
  const context = await NestFactory.createApplicationContext(WorkerModule, {
    logger: false,
    abortOnError: false,
  });
  onTeardown(() => context.close());
  const ada = await context.get(SocketFake).connect('ada');
  await context.get(SocketService).relayToMember('ada', 'MEMBER_MESSAGED', HELLO);
  expect(ada).toHaveReceived('MEMBER_MESSAGED', HELLO);
});

test('a configuration that cannot work stops the start with every problem', async () => {
  const starting = startHost({ env: { SOCKET_FAILURE: 'never', NODE_ENV: 'production' } });
  await expect(starting).rejects.toMatchObject({
    code: 'INVALID_CONFIGURATION',
    problems: ['FAILURE', 'PROVIDER', 'APP_ID', 'APP_KEY', 'APP_SECRET'].map(
      (name) => expect.stringMatching(new RegExp(`^SOCKET_${name}:`)) as string,
    ),
  });
});
