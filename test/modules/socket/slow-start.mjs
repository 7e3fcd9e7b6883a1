// An application of its own process, a node with the queue, that takes its time in every hook of its start and tells each of
// them. With CLOSED_IN it closes itself in that hook; otherwise signals end it, and it listens.
import 'reflect-metadata';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { appOnRedis } from './app-on-redis.mjs';

const { REDIS_URL, CLOSED_IN } = process.env;
/** Longer than a signal takes to arrive. */
const HOOK_MS = 300;

const closing = { done: undefined };
const tell = async (hook) => {
  process.stdout.write(`${hook}\n`);
  if (hook === CLOSED_IN) closing.done = app.close();
  await delay(HOOK_MS);
};

class Slow {
  onModuleInit() {
    return tell('onModuleInit');
  }
  onApplicationBootstrap() {
    return tell('onApplicationBootstrap');
  }
}

const App = appOnRedis(REDIS_URL, [Slow]);

const app = await NestFactory.create(App, { logger: ['error'], abortOnError: false });
if (CLOSED_IN === undefined) {
  app.enableShutdownHooks();
  const server = app.getHttpServer();
  void once(server, 'listening').then(() => process.stdout.write('listening\n'));
  await app.listen(0, '127.0.0.1');
} else {
  await app.init().catch((error) => process.stdout.write(`${error.message}\n`));
  await closing.done;
  process.stdout.write('closed\n');
}
