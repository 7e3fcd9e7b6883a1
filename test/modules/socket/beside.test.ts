import 'reflect-metadata';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, type INestApplication, Module, type Type } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  MessagePattern,
  type MicroserviceOptions,
  Transport,
} from '@nestjs/microservices';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { SocketModule, SocketService } from 'nestjs-switchboard';
import { firstValueFrom } from 'rxjs';
import { io } from 'socket.io-client';
import { EventQueue } from '../../support/event-queue.js';
import { Host } from '../../support/host.js';
import { identify, logged } from '../../support/hosts.js';
import { startRedis } from '../../support/redis.js';
import { onTeardown } from '../../support/teardown.js';

const HELLO = { from: 'ada', text: 'hello' };

/** A member's page on the gateway, and all that it hears. */
async function listening(host: Host) {
  const page = await host.browser('ada');
  const heard = new EventQueue<object>();
  page.onMember('MEMBER_MESSAGED', (payload) => {
    heard.push(payload);
  });
  return heard;
}

@WebSocketGateway()
class ChatGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown): unknown {
    return { event: 'echoed', data };
  }
}

test.each([
  ['Socket.IO', (app: INestApplication) => new IoAdapter(app)],
  ['ws', (app: INestApplication) => new WsAdapter(app)],
])(
  'a gateway of the application on %s and ours serve their clients at the same time',
  async (name, adapterOf) => {
    const host = await Host.start({
      providers: [ChatGateway],
      prepare: (app) => {
        app.useWebSocketAdapter(adapterOf(app));
      },
    });
    const heard = await listening(host);
    const echoed = new EventQueue<object>();
    if (name === 'ws') {
      const chat = host.raw('/');
      await new Promise((resolve) => chat.socket.once('open', resolve));
      chat.say('echo', { n: 1 });
      expect(await chat.next()).toEqual({ event: 'echoed', data: { n: 1 } });
    } else {
      const chat = io(host.url, { transports: ['websocket'] });
      onTeardown(() => chat.close());
      chat.on('echoed', (data: object) => {
        echoed.push(data);
      });
      chat.emit('echo', { n: 1 });
      expect(await echoed.next()).toEqual({ n: 1 });
    }
    await host.nest.get(SocketService).relayToMember('ada', 'MEMBER_MESSAGED', HELLO);
    expect(await heard.next()).toEqual(HELLO);
  },
);

@Controller()
class Orders {
  constructor(readonly service: SocketService) {}

  @MessagePattern('ship')
  async ship(): Promise<string> {
    return (await this.service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO)).status;
  }
}

@Module({ controllers: [Orders] })
class OrdersModule {}

/** Sends a message to a microservice over TCP. */
async function ship(port: number): Promise<unknown> {
  const client = ClientProxyFactory.create({
    transport: Transport.TCP,
    options: { host: '127.0.0.1', port },
  });
  try {
    return await firstValueFrom(client.send('ship', {}));
  } finally {
    await client.close();
  }
}

const tcp: MicroserviceOptions = { transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } };
const portOf = (server: Server) => (server.address() as AddressInfo).port;

test('the message handlers of a hybrid application reach the pages on its own server', async () => {
  const host = await Host.start({
    imports: [OrdersModule],
    prepare: (app) => {
      app.connectMicroservice<MicroserviceOptions>(tcp);
    },
  });
  await host.nest.startAllMicroservices();
  const [microservice] = host.nest.getMicroservices();
  const heard = await listening(host);
  expect(await ship(portOf(microservice?.unwrap<Server>() as Server))).toBe('sent');
  expect(await heard.next()).toEqual(HELLO);
});

test('a microservice without an HTTP server reaches the pages on another node', async () => {
  const redis = await startRedis();
  const cluster = { cluster: 'redis', redis: { url: redis.url } } as const;
  const host = await Host.start(cluster);
  const heard = await listening(host);
  const { lines } = logged('warn');
  const socketModule = SocketModule.forRoot({ env: {}, provider: 'ws', ...cluster });
  @Module({ imports: [socketModule, OrdersModule] })
  class WorkerModule {}
  const microservice = await NestFactory.createMicroservice<MicroserviceOptions>(WorkerModule, {
    ...tcp,
    logger: false,
  });
  onTeardown(() => microservice.close());
  await microservice.listen();
  expect(await ship(portOf(microservice.unwrap<Server>()))).toBe('sent');
  expect(await heard.next()).toEqual(HELLO);
  expect(lines.filter((line) => line.includes('identify'))).toEqual([]);
});

describe('@nestjs/config', () => {
  async function envFile(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'switchboard-env-'));
    onTeardown(() => rm(folder, { recursive: true }));
    const path = join(folder, '.env');
    await writeFile(path, `SOCKET_BROADCAST_CHANNEL=from-the-file\nSOCKET_PROVIDER=memory\n`);
    onTeardown(() => {
      delete process.env['SOCKET_BROADCAST_CHANNEL'];
      delete process.env['SOCKET_PROVIDER'];
    });
    return path;
  }

  /** The name of the provider that an application of this module has. */
  async function providerOf(module: Type): Promise<string> {
    const context = await NestFactory.createApplicationContext(module, {
      logger: false,
      abortOnError: false,
    });
    onTeardown(() => context.close());
    return context.get(SocketService).provider;
  }

  test.each(['before', 'after'])(
    'fills the environment in time, where it is imported %s SocketModule',
    async (order) => {
      const socketModule = SocketModule.forRoot({ identify });
      const configModule = ConfigModule.forRoot({ envFilePath: await envFile() });
      @Module({ imports: order === 'before' ? [configModule, socketModule] : [socketModule, configModule] })
      class AppModule {}
      expect(await providerOf(AppModule)).toBe('memory');
    },
  );

  test('gives its values to forRootAsync, also those that are not in the environment', async () => {
    const load = [() => ({ realtime: { provider: 'memory' } })];
    const configModule = ConfigModule.forRoot({ load, isGlobal: true, ignoreEnvFile: true });
    const socketModule = SocketModule.forRootAsync({
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        env: {},
        provider: config.getOrThrow<string>('realtime.provider'),
      }),
    });
    @Module({ imports: [configModule, socketModule] })
    class AppModule {}
    expect(await providerOf(AppModule)).toBe('memory');
  });
});
