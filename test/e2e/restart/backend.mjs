// A backend of its own process, ready to listen: a line on its standard input names the port, and it prints where it listens.
import 'reflect-metadata';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SocketModule } from 'nestjs-switchboard';

// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- a module in Nest is a class
class App {}
Module({
  imports: [
    SocketModule.forRoot({
      env: {},
      provider: 'ws',
      identify: ({ headers }) => ({ id: String(headers['x-member']) }),
    }),
  ],
})(App);

const app = await NestFactory.create(App, { logger: ['error'] });
app.enableShutdownHooks();
await app.init();
process.stdout.write('ready\n');
const [port] = await once(createInterface(process.stdin), 'line');
process.stdin.destroy();
await app.listen(Number(port), '127.0.0.1');
process.stdout.write(`${app.getHttpServer().address().port}\n`);
