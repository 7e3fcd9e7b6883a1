import { jest } from '@jest/globals';
import { EngineNode, rosterOf } from '../../support/cluster/engines.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';
import type { RedisServer } from '../../support/redis.js';
import { type SentinelRedis, startSentinelRedis } from '../../support/redis-sentinel.js';

jest.setTimeout(180_000);

const ROOM = 'presence-room';
/** Sentinels wait for a second until they believe it, agree, and promote the replica. */
const REPLACED_MS = 20_000;
const PASSWORD = 'p@ss:w/rd#1';

function urlOf({ addresses, name }: SentinelRedis, password = ''): string {
  const hosts = addresses.map(({ host, port }) => `${host}:${port}`).join(',');
  const credentials = password === '' ? '' : `:${encodeURIComponent(password)}@`;
  return `redis-sentinel://${credentials}${hosts}#${name}`;
}

/** How many nodes a server has the leases of. */
async function leases(server: RedisServer, password?: string): Promise<number> {
  return server.client({ ...(password !== undefined && { password }) }).zcard('switchboard:{#}:nodes');
}

/** Has two nodes whose rosters are right, changes the primary over, and sees that they are right again. */
async function survives(
  redis: SentinelRedis,
  change: () => Promise<unknown>,
  password?: string,
): Promise<readonly EngineNode[]> {
  const nodes = await EngineNode.two(urlOf(redis, password), { presenceGraceMs: 300 });
  const [first, second] = nodes;
  const ada = await first.joins(ROOM, 'ada');
  const bob = await second.joins(ROOM, 'bob');
  await second.engine.publish('cache-prices', 'price', '7');
  await eventually(SETTLED_MS, () => {
    expect(ada.frames('pusher_internal:member_added')).toMatchObject([{ data: { user_id: 'bob' } }]);
  });
  const events = () => nodes.flatMap((node) => node.told(ROOM));
  const before = events();
  expect(await leases(redis.primary, password)).toBe(2);
  // Data that the replica does not have cannot be there afterwards.
  await redis.primary.client({ ...(password !== undefined && { password }) }).wait(1, SETTLED_MS);

  await change();
  await eventually(SETTLED_MS, async () => {
    expect(nodes.map(({ engine }) => engine.problem)).toEqual([undefined, undefined]);
    for (const node of nodes) expect(await rosterOf(node, ROOM)).toEqual(['ada', 'bob']);
    await first.engine.publish(ROOM, 'again', '1');
    await second.engine.publish(ROOM, 'again', '2');
    for (const client of [ada, bob]) {
      const heard = client.frames('again').map(({ data }) => data);
      expect(heard).toEqual(expect.arrayContaining([1, 2]));
    }
    expect(await leases(redis.replica, password)).toBe(2);
  });
  // Everything can be changed again, and is heard on the other node.
  const cy = await second.joins(ROOM, 'cy');
  await eventually(SETTLED_MS, async () => {
    expect(ada.frames('pusher_internal:member_added').at(-1)?.data).toEqual({ user_id: 'cy' });
    for (const node of nodes) expect(await rosterOf(node, ROOM)).toEqual(['ada', 'bob', 'cy']);
  });
  cy.unsubscribes(ROOM);
  await eventually(SETTLED_MS, () => {
    expect(ada.frames('pusher_internal:member_removed').map(({ data }) => data)).toEqual([{ user_id: 'cy' }]);
  });
  const late = await first.joins('cache-prices');
  expect(late.frames('price').map(({ data }) => data)).toEqual([7]);
  expect(events().slice(0, before.length)).toEqual(before);
  expect(events().filter((event) => 'user_id' in event && event.user_id !== 'cy')).toHaveLength(2);
  return nodes;
}

describe('Nodes whose Redis is named by sentinels', () => {
  test('follow them to the new primary when it is changed over while the old one lives', async () => {
    const redis = await startSentinelRedis();
    await survives(redis, async () => {
      await redis.failover();
      // It is a replica now: whoever still held it would be refused.
      await eventually(REPLACED_MS, async () => {
        expect(await redis.primary.client().info('replication')).toContain('role:slave');
      });
    });
  });

  test('follow them when the old one dies, with a password that the servers ask for and the sentinels do not', async () => {
    const redis = await startSentinelRedis();
    for (const server of [redis.primary, redis.replica]) {
      await server.client().config('SET', 'masterauth', PASSWORD, 'requirepass', PASSWORD);
    }
    for (const sentinel of redis.sentinels) {
      await sentinel.client().call('SENTINEL', 'SET', redis.name, 'auth-pass', PASSWORD);
    }
    const nodes = await survives(
      redis,
      async () => {
        await redis.primary.stop();
        await redis.replaced(redis.primary);
      },
      PASSWORD,
    );
    for (const { log } of nodes) expect(log.join('\n')).not.toContain(PASSWORD);
  });

  test('say what is wrong when no sentinel knows the primary by its name', async () => {
    const redis = await startSentinelRedis();
    const url = urlOf(redis).replace(/#.*/, '#nobody');
    const node = await EngineNode.begin(url, 1);
    await eventually(SETTLED_MS, () => {
      expect(node.engine.problem).toMatch(/sentinel/i);
    });
    expect(node.log.join('\n')).toMatch(/sentinel/i);
  });
});
