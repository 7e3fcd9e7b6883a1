// An application of its own process on the provider `pusher`, by way of the queue. It hands in numbers for one member, says
// each one that was taken in and at last how many, and stays until it is killed, or is told to end by a line.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SocketModule, SocketService } from 'nestjs-switchboard';

const {
  QUEUE_REDIS_URL: url,
  QUEUE_API_PORT,
  QUEUE_CONCURRENCY,
  QUEUE_MEMBER,
  QUEUE_RELAYS,
  QUEUE_TIMEOUT_MS,
} = process.env;

// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- a module in Nest is a class
class App {}
Module({
  imports: [
    SocketModule.forRoot({
      env: {},
      provider: 'pusher',
      app: { id: '42', key: 'test-app-key', secret: 'the-secret-nobody-may-see' },
      pusher: {
        host: '127.0.0.1',
        port: Number(QUEUE_API_PORT),
        scheme: 'http',
        timeoutMs: Number(QUEUE_TIMEOUT_MS),
      },
      delivery: { mode: 'queue', queueConcurrency: Number(QUEUE_CONCURRENCY) },
      redis: { url: String(url), prefix: 'test' },
      identify: () => null,
    }),
  ],
})(App);

const app = await NestFactory.createApplicationContext(App, { logger: ['error'] });
app.enableShutdownHooks();
process.stdin.once('data', async () => {
  await app.close();
  process.stdin.destroy();
});
const service = app.get(SocketService);
let queued = 0;
for (let number = 0; number < Number(QUEUE_RELAYS); number++) {
  const { status } = await service.relayToMember(String(QUEUE_MEMBER), 'MEMBER_MESSAGED', {
    from: 'ada',
    text: `${number}`,
  });
  if (status !== 'queued') continue;
  queued++;
  process.stdout.write(`${number}\n`);
}
process.stdout.write(`${queued} queued\n`);
