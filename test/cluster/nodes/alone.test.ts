import { jest } from '@jest/globals';
import { BareNode } from '../../support/cluster/bare-node.js';
import { eventually, SETTLED_MS, throughout } from '../../support/cluster/waiting.js';
import { type RedisServer, startRedis } from '../../support/redis.js';

jest.setTimeout(180_000);

const ROOM = 'presence-x';
const NO_GRACE = { SOCKET_PRESENCE_GRACE_MS: '0' };

async function isAlone(...nodes: BareNode[]): Promise<void> {
  await eventually(SETTLED_MS, () => {
    for (const { cluster } of nodes) expect(cluster.problem()).toEqual(expect.any(String));
  });
}

async function isBack(...nodes: BareNode[]): Promise<void> {
  await eventually(SETTLED_MS, () => {
    for (const { cluster } of nodes) expect(cluster.problem()).toBeUndefined();
  });
}

const inRedis = async ({ cluster }: BareNode) => (await cluster.members(ROOM)).map(({ id }) => id).sort();

describe('A node without Redis', () => {
  let redis: RedisServer;
  beforeEach(async () => {
    redis = await startRedis();
  });

  test('keeps nothing of channels that everybody has left', async () => {
    const node = await BareNode.start(redis.url, NO_GRACE);
    await redis.stop();
    await isAlone(node);
    for (let number = 0; number < 10_000; number++) {
      const channel = number % 2 === 0 ? `orders-${number}` : `presence-${number}`;
      const user = number % 2 === 0 ? undefined : `user-${number}`;
      void node.join(channel, 1, user);
      node.leave(channel, 0, user);
    }
    await eventually(SETTLED_MS, () => {
      expect(node.cluster.size).toBe(0);
    });
  });

  test('lets more members in than the channel takes, and none that has left stays on a roster', async () => {
    const limited = { ...NO_GRACE, SOCKET_MAX_PRESENCE_MEMBERS: '2' };
    const [a, b] = [await BareNode.start(redis.url, limited), await BareNode.start(redis.url, limited)];
    await a.join(ROOM, 1, 'ada');
    await redis.stop();
    await isAlone(a, b);
    await a.join(ROOM, 2, 'bob');
    await b.join(ROOM, 1, 'cy');
    await redis.restart();
    await isBack(a, b);
    await eventually(SETTLED_MS, async () => {
      expect(await inRedis(a)).toEqual(['ada', 'bob', 'cy']);
    });
    a.leave(ROOM, 1, 'bob');
    b.leave(ROOM, 0, 'cy');
    await eventually(SETTLED_MS, async () => {
      expect([a.members(ROOM), await inRedis(a)]).toEqual([['ada'], ['ada']]);
    });
  });

  test('forgets a member that came while Redis was away and left before that was told', async () => {
    const node = await BareNode.start(redis.url, NO_GRACE);
    await node.join(ROOM, 1, 'ada');
    await redis.stop();
    await isAlone(node);
    await node.join(ROOM, 2, 'bob');
    await redis.restart();
    await isBack(node);
    node.leave(ROOM, 1, 'bob');
    await eventually(SETTLED_MS, async () => {
      expect([node.members(ROOM), await inRedis(node)]).toEqual([['ada'], ['ada']]);
    });
  });

  test('tells a departure once, and not again when Redis is back', async () => {
    const node = await BareNode.start(redis.url, { SOCKET_PRESENCE_GRACE_MS: '200' });
    await node.join(ROOM, 1, 'ada');
    await node.join(ROOM, 2, 'bob');
    await redis.stop();
    await isAlone(node);
    node.told.length = 0;
    node.leave(ROOM, 1, 'bob', false);
    await eventually(SETTLED_MS, () => {
      expect(node.moves).toEqual(['-bob']);
    });
    await redis.restart();
    await isBack(node);
    await eventually(SETTLED_MS, () => {
      expect(node.told.filter((entry) => entry === 'event member_removed')).toHaveLength(1);
    });
    await throughout(500, () => {
      expect(node.moves).toEqual(['-bob']);
    });
  });
});

describe('A Redis that answers', () => {
  test('and takes nothing makes a node degraded, and is not asked by every channel all the time', async () => {
    const redis = await startRedis();
    const node = await BareNode.start(redis.url);
    const client = redis.client();
    await client.config('SET', 'maxmemory', '1');
    for (let number = 0; number < 200; number++) await node.join(`orders-${number}`, 1);
    expect(node.cluster.problem()).toContain('OOM');
    const asked = async () => Number(/total_commands_processed:(\d+)/.exec(await client.info('stats'))?.[1]);
    // By then whoever failed first waits for longer and longer.
    await throughout(3_000, () => undefined);
    const before = await asked();
    await throughout(2_000, () => undefined);
    expect((await asked()) - before).toBeLessThan(500);
    await client.config('SET', 'maxmemory', '0');
    await eventually(SETTLED_MS, async () => {
      expect(await node.cluster.channels('orders-')).toHaveLength(200);
    });
  });

  test('with what no node has written does not bring a node down, or stand in anybody’s way', async () => {
    const redis = await startRedis();
    const node = await BareNode.start(redis.url);
    const deep = '['.repeat(20_000) + ']'.repeat(20_000);
    await redis.client().hset(`switchboard:{${ROOM}}`, '@evil', `x.1|${deep}`, 'members', 1);
    expect(await node.join(ROOM, 1, 'ada', { name: 'Ada' })).toBeUndefined();
    expect(node.cluster.roster(ROOM).get('evil')).toEqual({ id: 'evil', info: undefined });
    expect(node.cluster.roster(ROOM).get('ada')).toEqual({ id: 'ada', info: { name: 'Ada' } });
  });

  test('cannot silence a cache channel with a number from the future', async () => {
    const redis = await startRedis();
    const [a, b] = [await BareNode.start(redis.url), await BareNode.start(redis.url)];
    await a.join('cache-x', 1);
    await b.join('cache-x', 1);
    const forged = { v: 1, k: 'event', n: 'x', e: 'evil', d: '1', s: Number.MAX_SAFE_INTEGER };
    await redis.client().publish('switchboard:{cache-x}', JSON.stringify(forged));
    await b.cluster.publish('cache-x', { event: 'real', data: '2', exceptSocketId: undefined });
    await eventually(SETTLED_MS, () => {
      expect(a.cluster.cached('cache-x')).toMatchObject({ event: 'real', data: '2' });
    });
    expect(a.told).not.toContain('evil on cache-x');
  });
});

describe('Nodes that are together', () => {
  test('all know a member’s info when it has changed', async () => {
    const redis = await startRedis();
    const [a, b, c] = [
      await BareNode.start(redis.url),
      await BareNode.start(redis.url),
      await BareNode.start(redis.url),
    ];
    await a.join(ROOM, 1, 'ada', { name: 'old' });
    await b.join(ROOM, 1, 'bob');
    await a.join(ROOM, 2, 'ada', { name: 'new' });
    await c.join(ROOM, 1, 'cy');
    await eventually(SETTLED_MS, () => {
      for (const { cluster } of [a, b, c])
        expect(cluster.roster(ROOM).get('ada')?.info).toEqual({ name: 'new' });
    });
  });

  test('go on renewing their leases while one clears away what a large one has left', async () => {
    const redis = await startRedis();
    const node = await BareNode.start(redis.url);
    const client = redis.client();
    const names = Array.from({ length: 30_000 }, (_, number) => `orders-${number}`);
    for (let start = 0; start < names.length; start += 1_000) {
      const pipeline = client.pipeline();
      for (const name of names.slice(start, start + 1_000)) {
        pipeline.sadd('switchboard:node:dead.1', name).hset(`switchboard:{${name}}`, 'nodes', 'dead.1 1 1');
      }
      await pipeline.exec();
    }
    await client.zadd('switchboard:{#}:nodes', Date.now() - 60_000, 'dead.1');
    await eventually(60_000, async () => {
      expect(await client.exists('switchboard:node:dead.1')).toBe(0);
    });
    // A lease that had run out would have given the node another name.
    expect(await client.zscore('switchboard:{#}:nodes', `${node.cluster.node}.1`)).not.toBeNull();
    expect(node.told.filter((entry) => entry === 'event channel_vacated')).toHaveLength(names.length);
  });
});
