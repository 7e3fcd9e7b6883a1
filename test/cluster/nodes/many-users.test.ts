import { jest } from '@jest/globals';
import { slotOf } from '../../../src/cluster/redis/connection/shard-publisher.js';
import type { Client } from '../../support/cluster/engines.js';
import { EngineNode } from '../../support/cluster/engines.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { startRedisCluster } from '../../support/redis-cluster.js';

jest.setTimeout(180_000);

const MANY = 10_000;
const ids = Array.from({ length: MANY }, (_, number) => `member-${number}`);
/** Those of them who are connected: in the first part, in the middle, and in the last one. */
const CONNECTED = ['member-0', 'member-17', 'member-4999', 'member-9001', `member-${MANY - 1}`];
/** As JSON it has 9 KB. */
const DATA = JSON.stringify({ text: '"'.repeat(4_500) });
const channelOf = (id: string) => `#server-to-user-${id}`;

async function signedIn(node: EngineNode): Promise<Client[]> {
  const clients = CONNECTED.map(() => node.connects());
  await Promise.all(clients.map((client, index) => client.isSignedIn({ id: CONNECTED[index] ?? '' })));
  return clients;
}

const events = (client: Client) => client.heard.map(({ event }) => event).filter((name) => /^E\d/.test(name));

/** The bytes that a server was sent, without those of this question. */
async function bytesSentTo(server: RedisServer): Promise<number> {
  const stats = await server.client().info('stats');
  return Number(/total_net_input_bytes:(\d+)/.exec(stats)?.[1]);
}

/** Each of the calls is for all of the users or for one; some of them are made while earlier ones are on their way. */
async function relaysInOrder(sender: EngineNode, receivers: readonly Client[]): Promise<void> {
  const lastId = CONNECTED.at(-1) ?? '';
  const { engine } = sender;
  const first = engine.publish(channelOf(lastId), 'E0', '0');
  const second = engine.publishToUsers(ids, 'E1', DATA);
  const third = engine.publish(channelOf(lastId), 'E2', '2');
  const fourth = engine.publishToUsers(ids, 'E3', DATA);
  const fifth = engine.publishToUsers([lastId, 'nobody'], 'E4', '4');
  await Promise.all([first, third]);
  expect(await Promise.all([second, fourth, fifth])).toEqual([[], [], []]);
  await sender.engine.publish(channelOf(lastId), 'E5', '5');
  await eventually(SETTLED_MS, () => {
    expect(events(receivers.at(-1) as Client)).toEqual(['E0', 'E1', 'E2', 'E3', 'E4', 'E5']);
    for (const client of receivers.slice(0, -1)) expect(events(client)).toEqual(['E1', 'E3']);
  });
}

describe('An event to ten thousand users on two nodes', () => {
  test('carries its data to Redis once for each part, and keeps the order of everything to each user', async () => {
    const redis = await startRedis();
    const [sender, receiver] = await EngineNode.two(redis.url);
    const [here, there] = [await signedIn(sender), await signedIn(receiver)];
    const before = await bytesSentTo(redis);
    await relaysInOrder(sender, there);
    for (const client of here.slice(0, -1)) expect(events(client)).toEqual(['E1', 'E3']);
    expect(events(here.at(-1) as Client)).toEqual(['E0', 'E1', 'E2', 'E3', 'E4', 'E5']);
    // Two events of 9 KB to 10,000 users. One message to each of them would be 180 MB.
    expect((await bytesSentTo(redis)) - before).toBeLessThan(1_000_000);
    expect(there[0]?.frames('E1')[0]?.data).toEqual(JSON.parse(DATA));
  });

  test('is heard again on a connection that replaces a lost one', async () => {
    const redis = await startRedis();
    const [sender, receiver] = await EngineNode.two(redis.url);
    const there = await signedIn(receiver);
    await redis.client().call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await eventually(SETTLED_MS, async () => {
      expect([sender.engine.problem, receiver.engine.problem]).toEqual([undefined, undefined]);
      await sender.engine.publishToUsers(ids, 'E1', DATA);
      for (const client of there) expect(events(client)).toContain('E1');
    });
  });

  test('is missed by all of them, and says so, while Redis is away', async () => {
    const redis = await startRedis();
    const node = await EngineNode.start(redis.url, 1);
    const here = await signedIn(node);
    await redis.stop();
    await eventually(SETTLED_MS, () => {
      expect(node.engine.problem).toEqual(expect.any(String));
    });
    const missed = (await node.engine.publishToUsers(ids, 'E1', DATA)) ?? [];
    expect(missed.flatMap(({ userIds }) => userIds)).toEqual(ids);
    for (const client of here) expect(events(client)).toEqual(['E1']);
  });
});

describe('An event to ten thousand users on a Redis Cluster', () => {
  test('carries its data once to each server for each part, and keeps the order of everything to each user', async () => {
    const redis = await startRedisCluster();
    const [url = ''] = redis.urls;
    const [sender, receiver] = await EngineNode.two(url);
    const there = await signedIn(receiver);
    const bytes = async () => {
      const each = await Promise.all(redis.nodes.map(bytesSentTo));
      return each.reduce((sum, of) => sum + of, 0);
    };
    const before = await bytes();
    await relaysInOrder(sender, there);
    expect((await bytes()) - before).toBeLessThan(3_000_000);
  });

  test('is sent by the slots that Redis itself assigns', async () => {
    const redis = await startRedisCluster();
    const client = redis.nodes[0].client();
    for (const name of ['', 'a', '{a}b', 'a{}b', 'a{b', '}a{b}', 'p:{#server-to-user-ä€😀}:x', '{{a}}']) {
      expect([name, slotOf(name)]).toEqual([name, await client.call('CLUSTER', 'KEYSLOT', name)]);
    }
  });
});
