// An application of its own process whose start fails, as FAILS_IN and STARTED_AS say. Its relays go by way of the queue, and its
// nodes are a cluster. It relays and asks before it fails, and prints the answers. Nobody closes it.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { SocketService } from 'nestjs-switchboard';
import { appOnRedis } from './app-on-redis.mjs';

const { REDIS_URL, FAILS_IN, STARTED_AS } = process.env;
const EXIT_CODE = 3;

class Failing {
  async onModuleInit() {
    if (FAILS_IN === 'onModuleInit') throw new Error('no database');
  }
  async onApplicationBootstrap() {
    if (FAILS_IN === 'onApplicationBootstrap') throw new Error('no database');
  }
}

const failing = {
  provide: Failing,
  inject: [SocketService],
  useFactory: async (service) => {
    const { status } = await service.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'bob', text: 'hello' });
    process.stdout.write(`${status}\n`);
    process.stdout.write(`${(await service.onlineMembers(['ada']))?.size}\n`);
    if (FAILS_IN === 'a provider') throw new Error('no database');
    return new Failing();
  },
};

const App = appOnRedis(REDIS_URL, [failing]);

const options = { logger: false, abortOnError: false };
const starts = {
  'an application': async () => (await NestFactory.create(App, options)).listen(0, '127.0.0.1'),
  'an application without a server': () => NestFactory.createApplicationContext(App, options),
  'a testing module': async () => (await Test.createTestingModule({ imports: [App] }).compile()).init(),
};

try {
  await starts[STARTED_AS]();
} catch (error) {
  process.stdout.write(`${error.message}\n`);
  process.exitCode = EXIT_CODE;
}
