import 'reflect-metadata';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { SocketService } from 'nestjs-switchboard';
import PusherServer from 'pusher';
import { HealthController } from '../../../src/reference/health/health.controller.js';
import { ChaosProxy } from '../../support/chaos-proxy.js';
import { BareNode } from '../../support/cluster/bare-node.js';
import { Host, portOf } from '../../support/host.js';
import { connected, plainPusher } from '../../support/plain-pusher.js';
import { statesOf } from '../../support/pusher-events.js';
import type { RawClient } from '../../support/raw-client.js';
import { startRedis } from '../../support/redis.js';
import { onTeardown } from '../../support/teardown.js';
import { onOneNode } from '../../support/topology.js';

/** In twenty slices of ten, a tenth of a second apart: long enough to look at what happens in between. */
const GATEWAY = { drainMs: 2_000 };
const CLIENTS = 200;

/** A host with clients that has begun to close, in a cluster with another node: the first of them are gone. */
async function draining() {
  const { url } = await startRedis();
  await BareNode.start(url);
  const host = await Host.start({
    gateway: GATEWAY,
    httpApi: { enabled: true },
    cluster: 'redis',
    redis: { url },
  });
  const clients = Array.from({ length: CLIENTS }, () => host.raw());
  await Promise.all(
    clients.map(async (client) => {
      await client.greeted();
      client.say('pusher:subscribe', { channel: 'news' });
      expect(await client.next()).toMatchObject({ event: 'pusher_internal:subscription_succeeded' });
    }),
  );
  const closed = host.nest.close();
  await Promise.race(clients.map((client) => client.closed));
  return { host, clients, closed };
}

/** How many of these clients were told it, all of them having been closed with 4200 after that or before. */
async function told(clients: readonly RawClient[], event: string): Promise<number> {
  let count = 0;
  for (const client of clients) {
    expect(await client.closed).toMatchObject({ code: 4200 });
    for (const heard of client.rest) if (heard.event === event) count++;
  }
  return count;
}

onOneNode('it is about the process that goes away', () => {
  describe('While the gateway drains', () => {
    test('it is down for a load balancer, and says how many it still serves', async () => {
      const { host, closed } = await draining();
      const service = host.nest.get(SocketService);
      const { connections, ...health } = await service.health();
      expect(health).toMatchObject({ status: 'down', reason: 'draining' });
      expect(connections).toBeGreaterThan(0);
      expect(connections).toBeLessThan(CLIENTS);
      await expect(new HealthController(service).health()).rejects.toMatchObject({ status: 503 });
      await closed;
      expect(await service.health()).toEqual({ status: 'down', connections: 0, reason: 'closed' });
    });

    test('new connections are answered with 503, whatever they ask for', async () => {
      const { host, closed } = await draining();
      expect(await host.raw().refusal()).toBe(503);
      expect(await host.raw('/app/another-key?protocol=7').refusal()).toBe(503);
      await closed;
    });

    test('a relay reaches those who are left, before their 4200', async () => {
      const { host, clients, closed } = await draining();
      const left = host.engines.connections;
      const receipt = await host.nest
        .get(SocketService)
        .relayToChannel('news', 'ANNOUNCED', { message: 'hello' });
      expect(receipt.status).toBe('sent');
      expect(left).toBeGreaterThan(0);
      expect(await told(clients, 'ANNOUNCED')).toBe(left);
      await closed;
    });

    test('the HTTP API is served, and reaches them too', async () => {
      const { host, clients, closed } = await draining();
      const pusher = new PusherServer({
        appId: host.app.id,
        key: host.app.key,
        secret: host.app.secret,
        host: '127.0.0.1',
        port: String(host.port),
        useTLS: false,
      });
      expect((await pusher.trigger('news', 'HEADLINE', { n: 1 })).status).toBe(200);
      expect(await told(clients, 'HEADLINE')).toBeGreaterThan(0);
      await closed;
    });

    test('a second close waits for the same end', async () => {
      const { host, clients, closed } = await draining();
      await Promise.all([host.runtime.client.close(), host.runtime.client.close()]);
      expect(host.engines.connections).toBe(0);
      expect(await told(clients, 'nothing')).toBe(0);
      await closed;
      await expect(host.nest.close()).resolves.toBeUndefined();
    });
  });

  describe('The only node that goes away', () => {
    test('brings pusher-js back a second later, to the process that is there by then', async () => {
      const [before, after] = [await Host.start({ gateway: GATEWAY }), await Host.start()];
      const proxy = await ChaosProxy.before(before.port);
      const pusher = plainPusher({ app: before.app, port: proxy.port });
      await connected(pusher);
      const states = statesOf(pusher);
      const asked = performance.now();
      await before.close();
      proxy.leadTo(after.port);
      expect([await states.next(), await states.next()]).toEqual(['connecting', 'connected']);
      // A client that had come back at once would have been refused, and would wait for fifteen seconds.
      expect(performance.now() - asked).toBeGreaterThan(900);
      expect(performance.now() - asked).toBeLessThan(8_000);
    });

    test('keeps everybody until the end, and asks whoever comes meanwhile to come a second later', async () => {
      const host = await Host.start({ gateway: GATEWAY });
      const silent = await silentClient(portOf(host.server));
      const clients = Array.from({ length: 30 }, () => host.raw());
      await Promise.all(clients.map((client) => client.greeted()));
      const closed = host.nest.close();
      for (const client of clients) expect(await client.closed).toMatchObject({ code: 4100 });
      // The silent one is waited for, and the server still listens.
      expect(silent.closed).toBe(false);
      const late = host.raw();
      expect(await late.next()).toMatchObject({ event: 'pusher:error', data: { code: 4100 } });
      expect(await late.closed).toMatchObject({ code: 4100 });
      await closed;
    });
  });

  test('a client that does not answer its close delays the end by a second, and no more', async () => {
    const host = await Host.start({ gateway: GATEWAY });
    const silent = await silentClient(portOf(host.server));
    const started = performance.now();
    await host.nest.close();
    expect(performance.now() - started).toBeLessThan(2_500);
    expect(silent.closed).toBe(true);
  });
});

/** Opens a WebSocket by hand and answers nothing from then on, not even a close. */
async function silentClient(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTeardown(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.write(
    'GET /app/switchboard-key?protocol=7 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  await once(socket, 'data');
  socket.resume();
  return socket;
}
