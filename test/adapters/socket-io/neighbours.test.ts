import 'reflect-metadata';
import { once } from 'node:events';
import { Controller, Get, type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { type ISocketClient, SOCKET_CLIENT, SocketModule } from 'nestjs-switchboard';
import { io } from 'socket.io-client';
import WebSocket from 'ws';
import { onTeardown } from '../../support/teardown.js';
import { identify } from '../../support/topology-node.js';
import { pageOf } from './support.js';

@WebSocketGateway({ path: '/prices' })
class Prices {
  @SubscribeMessage('price')
  price(): { event: string; data: number } {
    return { event: 'price', data: 42 };
  }
}

@Controller()
class Routes {
  @Get('socket.io-docs')
  docs(): string {
    return 'docs';
  }
}

@Module({
  imports: [
    SocketModule.forRoot({
      provider: 'socket-io',
      identify,
      socketIo: { handshakeHeaders: ['x-member'] },
      env: {},
    }),
  ],
  controllers: [Routes],
  providers: [Prices],
})
class AppModule {}

const clientOf = (app: INestApplication): ISocketClient => app.get(SOCKET_CLIENT);

async function start(adapter: typeof IoAdapter | typeof WsAdapter, isFastify = false) {
  const settings = { logger: false, abortOnError: false } as const;
  const app = isFastify
    ? await NestFactory.create(AppModule, new FastifyAdapter(), settings)
    : await NestFactory.create(AppModule, settings);
  app.useWebSocketAdapter(new adapter(app));
  await app.listen(0, '127.0.0.1');
  onTeardown(() => app.close());
  return { app, url: (await app.getUrl()).replace('[::1]', '127.0.0.1') };
}

test.each([
  ['Express', false],
  ['Fastify', true],
])(
  'the application’s own Socket.IO gateway, on another path, and its routes work beside it on %s',
  async (_, isFastify) => {
    const { app, url } = await start(IoAdapter, isFastify);
    const own = io(url, { path: '/prices', forceNew: true, autoUnref: true });
    onTeardown(() => own.disconnect());
    const answered = new Promise((resolve) => own.on('price', resolve));
    own.emit('price');
    expect(await answered).toBe(42);
    for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
      const page = await pageOf(url, 'ada', { transports });
      await clientOf(app).relayToMember('ada', 'HELLO');
      expect((await page.next()).event).toBe('HELLO');
      await page.leave();
    }
    expect(await (await fetch(`${url}/socket.io-docs`)).text()).toBe('docs');
    expect((await fetch(`${url}/socket.io/nowhere`)).status).toBe(404);
  },
);

test('so does its own WebSocket gateway', async () => {
  const { app, url } = await start(WsAdapter);
  const own = new WebSocket(`${url.replace('http', 'ws')}/prices`);
  onTeardown(() => {
    own.terminate();
  });
  await once(own, 'open');
  own.send('{"event":"price"}');
  const [answer] = (await once(own, 'message')) as [Buffer];
  expect(answer.toString()).toBe('{"event":"price","data":42}');
  const page = await pageOf(url, 'ada');
  await clientOf(app).relayToMember('ada', 'HELLO');
  expect((await page.next()).event).toBe('HELLO');
});

test('a WebSocket to a path that nobody serves is refused', async () => {
  @Module({ imports: [SocketModule.forRoot({ provider: 'socket-io', env: {} })] })
  class Alone {}
  const app = await NestFactory.create(Alone, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  onTeardown(() => app.close());
  const socket = new WebSocket(`${(await app.getUrl()).replace('http', 'ws')}/nowhere`);
  const [error] = (await once(socket, 'error')) as [Error];
  expect(error.message).toContain('404');
});
