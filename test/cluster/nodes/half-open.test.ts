import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { BareNode } from '../../support/cluster/bare-node.js';
import { eventually } from '../../support/cluster/waiting.js';
import { startRedis } from '../../support/redis.js';
import { onTeardown } from '../../support/teardown.js';

/** A way to Redis on which what is subscribed on can fall silent, as behind a firewall that has forgotten it. */
async function wayTo(port: number) {
  const subscribing = new Set<Socket>();
  const silent = new Set<Socket>();
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    near.on('data', (data) => {
      if (/subscribe/i.test(data.toString('latin1').slice(0, 60))) subscribing.add(near);
      far.write(data);
    });
    far.on('data', (data) => {
      if (!silent.has(near)) near.write(data);
    });
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        near.destroy();
        far.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTeardown(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fallSilent: () => {
      for (const socket of subscribing) silent.add(socket);
    },
  };
}

test('a node whose way back from Redis falls silent without a word notices, and hears again', async () => {
  const redis = await startRedis();
  const way = await wayTo(redis.port);
  const [a, b] = [await BareNode.start(way.url), await BareNode.start(redis.url)];
  await a.join('room', 1);
  await b.join('room', 1);
  way.fallSilent();
  await eventually(12_000, async () => {
    await b.cluster.publish('room', { event: 'AGAIN', data: undefined, exceptSocketId: undefined });
    expect(a.told).toContain('AGAIN on room');
  });
}, 20_000);
