import { setImmediate as turn } from 'node:timers/promises';
import { type Client, EngineNode } from '../../support/cluster/engines.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';
import { type RedisServer, startRedis } from '../../support/redis.js';

// What clients and their subscriptions cost in commands to Redis, those of scripts included.

const PAIRS = 100;
/** The kinds of commands that the test's own connections send. */
const OWN = /^(?:ping|info|hello|select|command|client\|.*)$/;

/** The commands that some work costs. A lease that is renewed meanwhile is on top. */
async function spent(redis: RedisServer, work: () => Promise<unknown>): Promise<number> {
  const before = await redis.commands();
  await work();
  const after = await redis.commands();
  return Object.entries(after)
    .filter(([kind]) => !OWN.test(kind))
    .reduce((sum, [kind, calls]) => sum + calls - (before[kind] ?? 0), 0);
}

/** What a lease costs that is renewed during the work. */
const LEASE = 6;

/** Waits until it was answered so often, and until the node has left the channel. */
async function isOver(node: EngineNode, client: Client, answers: number): Promise<void> {
  await eventually(SETTLED_MS, () => {
    expect(client.frames('pusher_internal:subscription_succeeded', 'news')).toHaveLength(answers);
    expect(node.engine.channels).toBe(0);
  });
}

async function started() {
  const redis = await startRedis();
  const node = await EngineNode.start(redis.url, 1);
  return { redis, node, client: node.connects() };
}

describe('On a public channel', () => {
  test('a subscription costs eight commands, and so does its end', async () => {
    const { redis, node, client } = await started();
    expect(await spent(redis, () => client.joins('news'))).toBeLessThanOrEqual(8 + LEASE);
    const left = await spent(redis, () => {
      client.unsubscribes('news');
      return isOver(node, client, 1);
    });
    expect(left).toBeLessThanOrEqual(8 + LEASE);
  });

  test('a hundred subscriptions of one client that are taken back in one turn cost as much as one', async () => {
    const { redis, node, client } = await started();
    const all = await spent(redis, async () => {
      for (let pair = 0; pair < PAIRS; pair++) {
        client.subscribes('news');
        client.unsubscribes('news');
      }
      await isOver(node, client, PAIRS);
    });
    expect(all).toBeLessThanOrEqual(15 + LEASE);
    expect(node.told('news').map(({ name }) => name)).toEqual(['channel_occupied', 'channel_vacated']);
  });

  test('a hundred clients who come and go in one turn cost nothing but a look', async () => {
    const { redis, node } = await started();
    const clients = Array.from({ length: PAIRS }, () => node.connects());
    const all = await spent(redis, async () => {
      for (const client of clients) {
        client.subscribes('news');
        client.isLost();
      }
      await eventually(SETTLED_MS, () => {
        expect(node.engine.channels).toBe(0);
      });
    });
    expect(all).toBeLessThanOrEqual(1 + LEASE);
    expect(node.told('news')).toEqual([]);
  });

  test('those of a hundred turns cost less than eight each, also where each was waited for', async () => {
    const { redis, node, client } = await started();
    const all = await spent(redis, async () => {
      for (let pair = 1; pair <= PAIRS; pair++) {
        await client.joins('news');
        client.unsubscribes('news');
        await turn();
      }
      await isOver(node, client, PAIRS);
    });
    expect(all).toBeLessThan(2 * PAIRS * 8 + LEASE);
  });

  test('a client who comes as another one goes is answered without Redis, and the channel stays occupied', async () => {
    const { redis, node, client } = await started();
    await client.joins('news');
    const next = node.connects();
    const all = await spent(redis, async () => {
      client.unsubscribes('news');
      await next.joins('news');
    });
    expect(all).toBeLessThanOrEqual(LEASE);
    expect((await node.engine.channelInfo('news')).subscriptionCount).toBe(1);
    expect(node.told('news').map(({ name }) => name)).toEqual(['channel_occupied']);
  });
});

describe('On a presence channel', () => {
  const MEMBERS = 90;

  test('a join costs at most twelve commands, and 415 bytes out of Redis besides the roster', async () => {
    const redis = await startRedis();
    const [one, two] = await EngineNode.two(redis.url);
    await one.joins('presence-room', 'first');
    await two.joins('presence-room', 'second');
    const client = redis.client();
    const bytes = async () => Number(/^total_net_output_bytes:(\d+)/m.exec(await client.info('stats'))?.[1]);
    // The answer to the question itself.
    const own = -(await bytes()) + (await bytes());
    let out = 0;
    const commands = await spent(redis, async () => {
      const before = await bytes();
      for (let member = 0; member < MEMBERS; member++) {
        const newcomer = one.connects();
        newcomer.subscribes('presence-room', { user_id: `member-${member}` });
        // Without a pause, so that few leases are renewed meanwhile.
        while (newcomer.hears().length === 0) await turn();
      }
      out = (await bytes()) - before - own;
    });
    expect(commands / MEMBERS).toBeLessThanOrEqual(12);
    expect(out / MEMBERS).toBeLessThanOrEqual(415);
  });
});
