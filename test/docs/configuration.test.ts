import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { type INestApplication, Logger, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { type ISocketClient, type Receipt, type SocketConfig, socketConfig } from 'nestjs-switchboard';
import { SocketTestingModule } from 'nestjs-switchboard/testing';
import { SocketRuntime } from '../../src/runtime/socket-runtime.js';
import { logged } from '../support/hosts.js';
import { onTeardown } from '../support/teardown.js';
import { usePage } from './support/page.js';

const page = usePage('docs/configuration.md');

Logger.overrideLogger(false);

async function start(module: Type): Promise<{ app: INestApplication; url: string }> {
  const app = await NestFactory.create(module, { logger: false, abortOnError: false });
  onTeardown(() => app.close());
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  return { app, url: `http://127.0.0.1:${String(port)}` };
}

test('settings given in code are in force', async () => {
  const { AppModule } = await page.run<{ AppModule: Type }>('app.module.ts');
  const { app, url } = await start(AppModule);
  expect(app.get(SocketRuntime).config).toMatchObject({
    provider: 'ws',
    broadcastChannel: 'private-everybody',
    gateway: { path: '/ws', clientEvents: ['presence-lobby'], presenceGraceMs: 5_000 },
  });
  expect(await (await fetch(`${url}/socket/config`)).json()).toMatchObject({ options: { wsPath: '/ws' } });
});

test('forRootAsync takes them from a factory, and the paths beside it', async () => {
  const { AppModule } = await page.run<{ AppModule: Type }>('app-async.module.ts');
  const { url } = await start(AppModule);
  expect(await (await fetch(`${url}/realtime/config`)).json()).toMatchObject({
    key: 'key-1',
    options: { userAuthentication: { endpoint: '/realtime/user-auth' } },
  });
  const signin = (headers: Record<string, string>) =>
    fetch(`${url}/realtime/user-auth`, {
      method: 'POST',
      headers,
      body: new URLSearchParams({ socket_id: '123.456' }),
    });
  expect((await signin({ authorization: 'Bearer ada' })).status).toBe(200);
  expect((await signin({})).status).toBe(403);
});

test('the problems are listed in the very words of the page', async () => {
  const { problems } = await page.run<{ problems: (environment: object) => string[] }>('check.ts');
  const environment = {
    NODE_ENV: 'production',
    SOCKET_PROVIDER: 'pusher',
    PUSHER_PORT: 'https',
    SOCKET_APP_SECRET: 'a-secret-that-is-long-enough',
  };
  expect(problems({})).toEqual([]);
  const lines = problems(environment).map((problem) => `  - ${problem}\n`);
  expect(page.text).toContain(`The configuration has 4 problem(s):\n${lines.join('')}\`\`\``);
});

test('a worker without HTTP starts, is warned, relays and ends', async () => {
  const { lines } = logged('warn');
  const { runJob } = await page.run<{ runJob: () => Promise<Receipt> }>('worker.ts');
  expect(await runJob()).toMatchObject({ status: 'sent' });
  expect(lines).toContain('There is no HTTP server to listen on: relays of this process reach nobody');
});

test('the module exports the port', async () => {
  const { PortService } = await page.run<{ PortService: Type<{ client: ISocketClient }> }>('port.service.ts');
  const app = await Test.createTestingModule({
    imports: [SocketTestingModule.forRoot({ env: {} })],
    providers: [PortService],
  }).compile();
  onTeardown(() => app.close());
  expect(app.get(PortService).client).toBe(app.get(SocketRuntime).client);
});

test('without Nest a client relays with the same checks', async () => {
  const { announce } = await page.run<{ announce: (config: SocketConfig, message: string) => Promise<void> }>(
    'without-nest.ts',
  );
  await expect(announce(socketConfig({ SOCKET_PROVIDER: 'memory' }), 'hello')).resolves.toBeUndefined();
  await expect(
    announce(socketConfig({ SOCKET_PROVIDER: 'memory' }), 'x'.repeat(20_000)),
  ).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
});
