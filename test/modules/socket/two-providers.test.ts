import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { type ClientConfig, SOCKET_CLIENT, SocketModule, SocketService } from 'nestjs-switchboard';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { Failover } from '../../../src/delivery/pair/failover.js';
import { Mirror } from '../../../src/delivery/pair/mirror.js';
import { closedPort } from '../../browser/backends.js';
import { logged, startHost } from '../../support/hosts.js';
import { onTeardown } from '../../support/teardown.js';

const app = { id: '1', key: 'k', secret: 's' };

/** A Pusher that is not there. */
async function away() {
  return { host: '127.0.0.1', port: await closedPort(), scheme: 'http', wsHost: 'ws.example.com' } as const;
}

async function configOf(url: string): Promise<ClientConfig> {
  return (await (await fetch(`${url}/socket/config`)).json()) as ClientConfig;
}

describe('/socket/config, with two providers,', () => {
  test('leads to the secondary while it has taken over, and says when to ask again', async () => {
    logged('warn');
    const { app: nest, url } = await startHost({
      provider: ['pusher', 'ws'],
      second: { recheckS: 7 },
      delivery: { breakerFailures: 1 },
      app,
      pusher: await away(),
    });
    expect(await configOf(url)).toMatchObject({
      provider: 'pusher',
      recheckMs: 7_000,
      options: { wsHost: 'ws.example.com' },
    });
    const service = nest.get(SocketService);
    expect(await service.broadcast('ANNOUNCED', { message: 'x' })).toMatchObject({ status: 'queued' });
    // At once: it waits behind the failed one as long as that one was not tried again.
    expect(await service.broadcast('ANNOUNCED', { message: 'y' })).toMatchObject({ status: 'queued' });
    expect(await configOf(url)).toMatchObject({
      provider: 'ws',
      key: 'k',
      recheckMs: 7_000,
      broadcastChannel: 'broadcast',
      options: {
        wsHost: '127.0.0.1',
        wsPort: Number(new URL(url).port),
        channelAuthorization: { endpoint: '/socket/auth' },
      },
    });
    expect(service.provider).toBe('ws');
    expect(await service.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'a', text: 'b' })).toMatchObject({
      status: 'sent',
    });
  });

  test('leads to the primary of a mirror, whatever becomes of it', async () => {
    logged('warn');
    const { app: nest, url } = await startHost({
      provider: ['pusher', 'ws'],
      second: { role: 'mirror' },
      delivery: { breakerFailures: 1 },
      app,
      pusher: await away(),
    });
    await nest.get(SocketService).broadcast('ANNOUNCED', { message: 'x' });
    expect(await configOf(url)).toMatchObject({ provider: 'pusher', recheckMs: 30_000 });
  });

  test('has nothing to ask again for with one provider', async () => {
    const { url } = await startHost({ provider: 'ws' });
    expect(await configOf(url)).not.toHaveProperty('recheckMs');
  });
});

test.each([
  ['failover', Failover],
  ['mirror', Mirror],
] as const)('SOCKET_CLIENT is the port over both: %s', async (role, Client) => {
  const { app: nest } = await startHost({
    provider: ['ws', 'pusher'],
    second: { role },
    app,
    pusher: await away(),
  });
  expect(nest.get(SOCKET_CLIENT)).toBeInstanceOf(Client);
});

test('the fake stands alone, although the environment has two', async () => {
  const env = {
    SOCKET_PROVIDER: 'pusher,ws',
    SOCKET_SECOND_ROLE: 'mirror',
    SOCKET_APP_ID: '1',
    SOCKET_APP_KEY: 'k',
    SOCKET_APP_SECRET: 's',
    PUSHER_CLUSTER: 'eu',
  };
  const second = { role: 'mirror' } as const;
  const imports = [SocketModule.forRoot({ env, second, provider: ['ws', 'pusher'] }), SocketTestingModule];
  const module = await Test.createTestingModule({ imports }).compile();
  module.useLogger(false);
  onTeardown(() => module.close());
  await module.init();
  await module.get(SocketService).broadcast('ANNOUNCED', { message: 'x' });
  module.get(SocketFake).assertBroadcast('ANNOUNCED', { message: 'x' });
  expect(module.get(SocketService).provider).toBe('memory');
});

test('a worker without an HTTP server is told that nobody is on its own gateway', async () => {
  const { lines } = logged('warn');
  const options = { env: {}, provider: ['pusher', 'ws'], app, pusher: await away() } as const;

  @Module({ imports: [SocketModule.forRoot(options)] })
  class Worker {}
  const context = await NestFactory.createApplicationContext(Worker, { logger: false });
  onTeardown(() => context.close());
  expect(lines).toContain(
    'There is no HTTP server to listen on: on "ws", relays of this process reach nobody',
  );
});
