import { jest } from '@jest/globals';
import { expectRosterInBrowsers, expectRosterOnNodes } from '../../support/cluster/agreement.js';
import { Api } from '../../support/cluster/api.js';
import { NODE_SETTINGS } from '../../support/cluster/app.js';
import { clusterSettings } from '../../support/cluster/cluster.js';
import { EngineNode, rosterOf } from '../../support/cluster/engines.js';
import { Member } from '../../support/cluster/member.js';
import { ClusterNode } from '../../support/cluster/nodes.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';
import { WebhookLog } from '../../support/cluster/webhook-log.js';
import { type RedisCluster, startRedisCluster } from '../../support/redis-cluster.js';

jest.setTimeout(180_000);

const ROOM = 'presence-room';
const NEWS = 'private-news';
/** A relay that nobody answers for must be refused within this time. */
const RELAY_MS = 2_500;
/** Servers wait for two seconds before they say that another one failed. */
const NOTICED_MS = 8_000;

/** One URL of one server of it, which is all that nodes are told. */
const settings = ({ urls: [url = ''] }: RedisCluster, prefix?: string) => clusterSettings({ url }, prefix);

/** The answers of all its servers together. */
async function everywhere({ nodes }: RedisCluster, ...command: [string, ...string[]]): Promise<string[]> {
  const answers = await Promise.all(nodes.map((server) => server.client().call(...command)));
  return answers.flat() as string[];
}

describe('Nodes on a Redis Cluster, of which they know one server', () => {
  let redis: RedisCluster;
  beforeAll(async () => {
    redis = await startRedisCluster({ until: 'file' });
  });

  test('relay, list, watch, remember, count and terminate for each other, by sharded pub/sub', async () => {
    const webhooks = await WebhookLog.start();
    const grace = { SOCKET_PRESENCE_GRACE_MS: '300' };
    const env = { ...NODE_SETTINGS, ...settings(redis), ...webhooks.settings, ...grace };
    const nodes = await Promise.all([ClusterNode.start(env), ClusterNode.start(env)]);
    const [first, second] = nodes;
    const rooms = Array.from({ length: 9 }, (_, n) => `presence-room-${n}`);
    const ada = await Member.on(first, 'ada', NEWS, 'broadcast', 'cache-prices', ...rooms);
    const bob = await Member.on(second, 'bob', NEWS, 'broadcast', 'cache-prices', ...rooms);
    await eventually(SETTLED_MS, () => {
      for (const room of rooms) expectRosterInBrowsers([ada, bob], room, ['ada', 'bob']);
    });
    for (const room of rooms) await expectRosterOnNodes(nodes, room, ['ada', 'bob']);

    await first.call('relayToMember', 'bob', 'TO_MEMBER', { n: 1 });
    await first.call('relayToMembers', ['ada', 'bob'], 'TO_MEMBERS', { n: 2 });
    await second.call(
      'relayToChannel',
      NEWS,
      'TO_CHANNEL',
      { n: 3 },
      { exceptSocketId: ada.pusher.connection.socket_id },
    );
    await second.call('broadcast', 'TO_ALL', { n: 4 });
    await first.call('relayToChannel', 'cache-prices', 'PRICE', { n: 5 });
    await eventually(SETTLED_MS, () => {
      expect(ada.heard.map(({ event }) => event).sort()).toEqual(['PRICE', 'TO_ALL', 'TO_MEMBERS']);
      expect(bob.heard.map(({ event }) => event).sort()).toEqual([
        ...['PRICE', 'TO_ALL', 'TO_CHANNEL', 'TO_MEMBER', 'TO_MEMBERS'],
      ]);
    });
    const late = await Member.on(second, 'late', 'cache-prices');
    await eventually(SETTLED_MS, () => {
      expect(late.payloads('PRICE')).toEqual([{ n: 5 }]);
    });
    for (const node of nodes) {
      const api = new Api(node);
      expect(await api.occupied('presence-')).toEqual([...rooms].sort());
      expect(await api.channel(NEWS, 'subscription_count')).toEqual({
        occupied: true,
        subscription_count: 2,
      });
      expect(await api.channel('cache-prices', 'cache,subscription_count')).toMatchObject({
        subscription_count: 3,
        cache: { data: '{"n":5}' },
      });
      expect(await node.call('onlineMembers', ['ada', 'bob', 'cy'])).toEqual(['ada', 'bob']);
    }

    const [sharded, plain] = [
      await everywhere(redis, 'PUBSUB', 'SHARDCHANNELS', 'switchboard*'),
      await everywhere(redis, 'PUBSUB', 'CHANNELS', '*'),
    ];
    expect(sharded).toEqual(expect.arrayContaining(rooms.map((room) => `switchboard:{${room}}`)));
    expect(plain).toEqual([]);

    ada.vanish();
    await second.call('disconnectMember', 'late');
    await eventually(SETTLED_MS, () => {
      for (const room of rooms) {
        expectRosterInBrowsers([bob], room, ['bob']);
        expect(webhooks.moves(room)).toEqual(['+ada', '+bob', '-ada']);
      }
      expect(late.pusher.connection.state).toBe('disconnected');
    });
    await first.call('disconnectMember', 'bob');
    await eventually(SETTLED_MS, async () => {
      expect(bob.pusher.connection.state).toBe('disconnected');
      expect(await new Api(first).occupied()).toEqual([]);
      const left = await everywhere(redis, 'PUBSUB', 'SHARDCHANNELS', 'switchboard:{p*');
      expect(left).toEqual([]);
    });
    await eventually(SETTLED_MS, () => {
      for (const room of rooms) expect(webhooks.occupancy(room)).toEqual({ occupied: 1, vacated: 1 });
    });
    await Promise.all(nodes.map((node) => node.close()));
  });

  test('tell watchers of users whose channels are on any server of it', async () => {
    const [first, second] = await EngineNode.two(redis.urls[2] ?? '', { prefix: 'watched' });
    const ids = Array.from({ length: 30 }, (_, n) => `user-${n}`);
    const watcher = first.connects();
    await watcher.isSignedIn({ id: 'watcher', watchlist: ids });
    await Promise.all(ids.map((id) => second.connects().isSignedIn({ id })));
    await eventually(SETTLED_MS, () => {
      const [told, ...changes] = watcher.frames('pusher_internal:watchlist_events').map(({ data }) => data);
      expect(told).toEqual({ events: [{ name: 'offline', user_ids: ids }] });
      const online = ids.map((id) => ({ events: [{ name: 'online', user_ids: [id] }] }));
      expect(changes).toHaveLength(ids.length);
      expect(changes).toEqual(expect.arrayContaining(online));
    });
    expect((await first.engine.online([...ids, 'nobody'])).size).toBe(ids.length);
  });
});

describe('A server of the Redis Cluster that dies and comes back empty', () => {
  // Slot 5121, of the first server, has the nodes' leases.
  test.each([
    ['with the leases, while all of it was out of service,', 0, 'yes'],
    ['without the leases, while the others served on,', 1, 'no'],
  ] as const)('%s is told again what it had', async (_, victim, coverage) => {
    const redis = await startRedisCluster({ args: ['--cluster-require-full-coverage', coverage] });
    const nodes = await EngineNode.two(redis.urls[2] ?? '', { presenceGraceMs: 300 });
    const [first, second] = nodes;
    // Some for every server.
    const rooms = Array.from({ length: 12 }, (_each, n) => `${ROOM}-${n}`);
    const [ada, bob] = [first.connects(), second.connects()];
    for (const room of rooms) {
      await ada.joins(room, 'ada');
      await bob.joins(room, 'bob');
    }
    const before = nodes.map(({ events }) => events.length);
    const server = redis.nodes[victim];
    await server.stop();
    // A relay that cannot be sent is refused soon; the members on the same node hear it.
    const slowest: number[] = [];
    const problems = new Set<string | undefined>();
    await eventually(NOTICED_MS, async () => {
      const started = performance.now();
      const sent = await Promise.all(rooms.map((room) => published(first, room, 'lost')));
      slowest.push(performance.now() - started);
      for (const { engine } of nodes) problems.add(engine.problem);
      expect(sent).toContain(false);
    });
    for (const room of rooms) expect(ada.frames('lost', room).length).toBeGreaterThan(0);

    await server.restart();
    await redis.whole();
    await eventually(SETTLED_MS, async () => {
      expect(nodes.map(({ engine }) => engine.problem)).toEqual([undefined, undefined]);
      const sent = await Promise.all(rooms.map((room) => published(first, room, 'again')));
      expect(sent).toEqual(rooms.map(() => true));
      for (const room of rooms) {
        expect(bob.frames('again', room).length).toBeGreaterThan(0);
        for (const node of nodes) {
          expect({ room, roster: await rosterOf(node, room) }).toEqual({ room, roster: ['ada', 'bob'] });
        }
      }
    });
    // Nobody came and nobody left, whatever Redis lost.
    const told = nodes.flatMap(({ events }, index) => events.slice(before[index]));
    expect(told).toEqual([]);
    for (const client of [ada, bob]) expect(client.frames('pusher_internal:member_removed')).toEqual([]);
    await second.joins(rooms[0] ?? '', 'cy');
    await eventually(SETTLED_MS, () => {
      expect(ada.frames('pusher_internal:member_added', rooms[0]).at(-1)?.data).toEqual({ user_id: 'cy' });
    });
    expect(Math.max(...slowest)).toBeLessThan(RELAY_MS);
    expect([...problems]).toContainEqual(expect.any(String));
  });
});

/** Whether the other nodes were reached. */
async function published(node: EngineNode, channel: string, event: string): Promise<boolean> {
  try {
    await node.engine.publish(channel, event, '1');
    return true;
  } catch {
    return false;
  }
}
