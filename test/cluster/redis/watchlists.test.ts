import { type Client, EngineNode } from '../../support/cluster/engines.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';
import { type RedisServer, startRedis } from '../../support/redis.js';

// What the watchlists of one member cost in commands to Redis, and that whoever is kept is told right.

const TOLD = 'pusher_internal:watchlist_events';
const FRIENDS = Array.from({ length: 100 }, (_, n) => `friend-${n}`);

interface News {
  readonly name: string;
  readonly user_ids: readonly string[];
}

/** Which of these users are online, by the last that a client was told of each. */
function online(client: Client, ids: readonly string[]): string[] {
  const statuses = new Map<string, string>();
  for (const { data } of client.frames(TOLD)) {
    const { events } = data as { events: readonly News[] };
    for (const { name, user_ids: told } of events) for (const id of told) statuses.set(id, name);
  }
  expect(ids.filter((id) => !statuses.has(id))).toEqual([]);
  return ids.filter((id) => statuses.get(id) === 'online');
}

/** Signs in, and waits until the statuses of the watchlist are told. */
async function signsIn(client: Client, watchlist: readonly string[]): Promise<void> {
  const before = client.frames(TOLD).length;
  client.signsIn({ id: 'ada', watchlist });
  await eventually(SETTLED_MS, () => {
    expect(client.frames(TOLD).length).toBeGreaterThan(before);
  });
}

/** The commands that some work costs, by kind. Those of leases and of this test come on top. */
async function commandsOf(redis: RedisServer, work: () => Promise<void>) {
  const before = await redis.commands();
  await work();
  const after = await redis.commands();
  return (kind: string) => (after[kind] ?? 0) - (before[kind] ?? 0);
}

const node = (redis: RedisServer, name = 1) =>
  EngineNode.start(redis.url, name, {
    presenceGraceMs: 0,
    limits: { signinsPerSecond: 0, watchlistsPerSecond: 0 },
  });

describe('A watchlist of a hundred', () => {
  test('costs one subscription and one question', async () => {
    const redis = await startRedis();
    const client = (await node(redis)).connects();
    await client.isSignedIn({ id: 'ada' });
    const spent = await commandsOf(redis, () => signsIn(client, FRIENDS));
    expect(spent('subscribe')).toBe(1);
    // The leases run scripts too.
    expect(spent('evalsha')).toBeLessThan(10);
    expect(spent('exists')).toBeLessThan(110);
  });

  test('costs nothing where it did not change, on this connection and on others of any member', async () => {
    const redis = await startRedis();
    const one = await node(redis);
    const client = one.connects();
    await client.isSignedIn({ id: 'ada', watchlist: FRIENDS });
    // By then the node has subscribed to the member's own channel too.
    await signsIn(client, FRIENDS);
    const spent = await commandsOf(redis, async () => {
      for (let n = 0; n < 50; n++) await signsIn(client, FRIENDS);
    });
    expect([spent('subscribe'), spent('unsubscribe')]).toEqual([0, 0]);
    expect(spent('evalsha')).toBeLessThan(50);
    expect(spent('exists')).toBeLessThan(100);
  });

  test('costs nothing where the client comes back with it, again and again, although nobody watches in between', async () => {
    const redis = await startRedis();
    const one = await node(redis);
    const visit = async () => {
      const client = one.connects();
      await client.isSignedIn({ id: 'ada', watchlist: FRIENDS });
      client.isLost();
    };
    await visit();
    const spent = await commandsOf(redis, async () => {
      for (let n = 0; n < 20; n++) await visit();
    });
    // The member's own channel is subscribed to and left in every visit, which the watchlist has no part in.
    expect(spent('subscribe')).toBeLessThanOrEqual(20);
    expect(spent('exists')).toBeLessThan(200);
  });

  test('is asked for once by many clients who come at once', async () => {
    const redis = await startRedis();
    const one = await node(redis);
    const clients = Array.from({ length: 30 }, () => one.connects());
    await Promise.all(clients.map((client) => client.isSignedIn({ id: 'ada' })));
    const spent = await commandsOf(redis, async () => {
      await Promise.all(clients.map((client) => signsIn(client, FRIENDS)));
    });
    expect(spent('exists')).toBeLessThan(150);
    expect(clients.map((client) => online(client, FRIENDS))).toEqual(clients.map(() => []));
  });
});

describe('A user who was watched a moment ago', () => {
  test('is told right to the next watcher after coming and going on another node meanwhile', async () => {
    const redis = await startRedis();
    const [one, two] = await Promise.all([node(redis, 1), node(redis, 2)]);
    const watcher = one.connects();
    await signsIn(watcher, ['bob', 'cy']);
    expect(online(watcher, ['bob', 'cy'])).toEqual([]);
    await signsIn(watcher, ['dee']);
    const bob = two.connects();
    await bob.isSignedIn({ id: 'bob' });
    await eventually(SETTLED_MS, async () => {
      await signsIn(watcher, ['bob', 'cy']);
      expect(online(watcher, ['bob', 'cy'])).toEqual(['bob']);
    });
    await signsIn(watcher, ['dee']);
    bob.isLost();
    await eventually(SETTLED_MS, async () => {
      await signsIn(watcher, ['bob', 'cy']);
      expect(online(watcher, ['bob', 'cy'])).toEqual([]);
    });
  });

  test('is asked for again when Redis was away meanwhile', async () => {
    const redis = await startRedis();
    const [one, two] = await Promise.all([node(redis, 1), node(redis, 2)]);
    const watcher = one.connects();
    const bob = two.connects();
    await bob.isSignedIn({ id: 'bob' });
    await signsIn(watcher, ['bob']);
    expect(online(watcher, ['bob'])).toEqual(['bob']);
    await signsIn(watcher, ['dee']);
    await redis.stop();
    await eventually(SETTLED_MS, () => {
      expect([one.engine.problem, two.engine.problem]).not.toContain(undefined);
    });
    bob.isLost();
    await redis.restart();
    await eventually(SETTLED_MS, () => {
      expect([one.engine.problem, two.engine.problem]).toEqual([undefined, undefined]);
    });
    await signsIn(watcher, ['bob']);
    await eventually(SETTLED_MS, () => {
      expect(online(watcher, ['bob'])).toEqual([]);
    });
  });
});
