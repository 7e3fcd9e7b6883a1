import 'reflect-metadata';
import { Controller, Get, type INestApplication } from '@nestjs/common';
import { HealthCheck, type HealthCheckResult, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import { SocketHealthIndicator, SocketModule, type SocketModuleOptions } from 'nestjs-switchboard';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { APP, HttpApi, onTeardown } from '../../adapters/pusher/support.js';
import { RawClient } from '../../support/raw-client.js';

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly socket: SocketHealthIndicator,
  ) {}

  @Get('ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    return this.health.check([() => this.socket.isReady()]);
  }

  @Get('live')
  @HealthCheck()
  live(): Promise<HealthCheckResult> {
    return this.health.check([() => this.socket.isAlive('realtime')]);
  }
}

/** A real application with a real TerminusModule, listening. */
async function start(options: SocketModuleOptions) {
  const socketModule = options.provider === 'memory' ? SocketTestingModule : SocketModule;
  const builder = Test.createTestingModule({
    imports: [
      socketModule.forRoot({ env: {}, identify: () => null, ...options }),
      TerminusModule.forRoot({ logger: false }),
    ],
    controllers: [HealthController],
  });
  const app: INestApplication = (await builder.compile()).createNestApplication({ logger: false });
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= app.close());
  onTeardown(close);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const get = async (path: string) => {
    const response = await fetch(`${url}/health/${path}`);
    return { status: response.status, body: (await response.json()) as HealthCheckResult };
  };
  return { app, url, close, get };
}

test('a process that is well is ready and alive, with all details', async () => {
  const { get } = await start({ provider: 'ws' });
  expect(await get('ready')).toEqual({
    status: 200,
    body: {
      status: 'ok',
      info: { socket: { status: 'up', provider: 'ws', connections: 0 } },
      error: {},
      details: { socket: { status: 'up', provider: 'ws', connections: 0 } },
    },
  });
  expect(await get('live')).toMatchObject({ status: 200, body: { info: { realtime: { status: 'up' } } } });
});

test('a process that cannot relay to its own connections is not ready, and alive all the same', async () => {
  const { app, get } = await start({ provider: 'memory' });
  app.get(SocketFake).faults.goDown();
  expect(await get('ready')).toMatchObject({
    status: 503,
    body: { status: 'error', error: { socket: { status: 'down', reason: 'down (injected)' } } },
  });
  expect(await get('live')).toMatchObject({
    status: 200,
    body: { status: 'degraded', details: { realtime: { status: 'degraded', reason: 'down (injected)' } } },
  });
});

test('a provider elsewhere that does not answer takes nobody out of the load balancer', async () => {
  let isDown = true;
  const api = await HttpApi.start(() => (isDown ? { status: 503 } : { body: '{"channels":{}}' }));
  const pusher = { host: '127.0.0.1', port: api.port, scheme: 'http' } as const;
  const { get } = await start({ provider: 'pusher', app: APP, pusher });
  expect(await get('ready')).toMatchObject({
    status: 200,
    body: {
      status: 'degraded',
      details: { socket: { status: 'degraded', provider: 'pusher', delivery: { breaker: 'closed' } } },
    },
  });
  isDown = false;
  expect(await get('ready')).toMatchObject({ status: 200, body: { status: 'ok' } });
});

test('a process that is going away is not ready from the beginning of it', async () => {
  // One client that is sent away, and does not go at once.
  const { url, close, get } = await start({ provider: 'ws' });
  const client = RawClient.open(`${url.replace('http', 'ws')}/app/switchboard-key?protocol=7`);
  await client.greeted();
  client.socket.pause();
  const closing = close();
  const { status, body } = await get('ready');
  expect(status).toBe(503);
  expect(body.error).toMatchObject({ socket: { status: 'down' } });
  expect(await get('live')).toMatchObject({ body: { details: { realtime: { status: 'degraded' } } } });
  client.socket.terminate();
  await closing;
});
