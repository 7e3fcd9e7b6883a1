import { jest } from '@jest/globals';
import { userChannel } from '../../../src/protocol/channel-name.js';
import { positionText, readPosition } from '../../../src/protocol/position.js';
import { ChaosProxy } from '../../support/chaos-proxy.js';
import { type Client, EngineNode } from '../../support/cluster/engines.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';
import { startRedis } from '../../support/redis.js';
import { startRedisCluster } from '../../support/redis-cluster.js';
import { startSentinelRedis } from '../../support/redis-sentinel.js';

jest.setTimeout(120_000);

const ROOM = 'private-room';
const ADA = userChannel('ada');
const HISTORY = { channels: ['members', 'broadcast', ROOM] };

/** The events that a client has heard, with the positions that it counts from the frames that say where it is live. */
function counted(client: Client, channel = ROOM): string[] {
  const counts: string[] = [];
  let position = { epoch: '', offset: 0 };
  for (const { event, channel: on, data } of client.heard) {
    if (on !== channel || event === 'pusher_internal:subscription_succeeded') continue;
    if (event === 'pusher_internal:live') {
      position = readPosition((data as { position: string }).position) ?? position;
      continue;
    }
    position = { ...position, offset: position.offset + 1 };
    counts.push(`${positionText(position)} ${event}`);
  }
  return counts;
}

/** The same as the log has it. */
async function kept(node: EngineNode, channel = ROOM): Promise<string[]> {
  const events = await node.engine.history.latest(channel, undefined, 0);
  return events.map(({ position, event }) => `${positionText(position)} ${event}`);
}

function eventsOf(counts: readonly string[]): string[] {
  return counts.map((count) => count.replace(/^.* /, ''));
}

test('every client on every node hears the events of all publishers in one order, with the positions of the log', async () => {
  const { url } = await startRedis();
  const nodes = await Promise.all([1, 2, 3].map((name) => EngineNode.start(url, name, { history: HISTORY })));
  const clients = await Promise.all(nodes.map((node) => node.joins(ROOM)));
  const relays = Array.from({ length: 300 }, (_, n) => nodes[n % 3]?.engine.publish(ROOM, `e${n}`, '1'));
  await Promise.all(relays.map((relay) => relay ?? Promise.resolve()));
  const [first] = nodes;
  const all = first === undefined ? [] : await kept(first);
  expect(all).toHaveLength(300);
  await eventually(SETTLED_MS, () => {
    for (const client of clients) expect(counted(client)).toEqual(all);
  });
});

test('a publisher that serves nobody keeps events too', async () => {
  const { url } = await startRedis();
  const [here, publisher] = await EngineNode.two(url, { history: HISTORY });
  const client = await here.joins(ROOM);
  await publisher.engine.publish(ROOM, 'paid', '1');
  await eventually(SETTLED_MS, () => {
    expect(eventsOf(counted(client))).toEqual(['paid']);
  });
});

test('a member and the broadcast channel have histories of their own', async () => {
  const { url } = await startRedis();
  const [first, second] = await EngineNode.two(url, { history: HISTORY });
  const ada = first.connects();
  await ada.isSignedIn({ id: 'ada' });
  await ada.joins('broadcast');
  await second.engine.publishToUsers(['ada', 'bob'], 'hello', '1');
  await second.engine.publish('broadcast', 'news', '1');
  await eventually(SETTLED_MS, () => {
    expect(eventsOf(counted(ada, ADA))).toEqual(['hello']);
    expect(eventsOf(counted(ada, 'broadcast'))).toEqual(['news']);
  });
  expect(await kept(first, ADA)).toEqual(counted(ada, ADA));
  expect(eventsOf(await kept(first, userChannel('bob')))).toEqual(['hello']);
});

test('a connection that an event leaves out is told the position after it, on every node', async () => {
  const { url } = await startRedis();
  const [first, second] = await EngineNode.two(url, { history: HISTORY });
  const [left, other] = [await first.joins(ROOM), await first.joins(ROOM)];
  await second.engine.publish(ROOM, 'mine', '1', left.id);
  await second.engine.publish(ROOM, 'theirs', '1');
  await eventually(SETTLED_MS, () => {
    expect(eventsOf(counted(other))).toEqual(['mine', 'theirs']);
    expect(counted(left)).toEqual(counted(other).slice(1));
  });
});

test('an event with the same key is heard once on all nodes', async () => {
  const { url } = await startRedis();
  const [first, second] = await EngineNode.two(url, { history: HISTORY });
  const client = await first.joins(ROOM);
  for (const { engine } of [first, second, first])
    await engine.publish(ROOM, 'paid', '1', undefined, 'order 7');
  await second.engine.publish(ROOM, 'end', '1');
  await eventually(SETTLED_MS, () => {
    expect(eventsOf(counted(client))).toEqual(['paid', 'end']);
  });
});

/** The ways in which a node's network to Redis fails. */
const HARMS: readonly (readonly [does: string, harm: (proxy: ChaosProxy) => void])[] = [
  [
    'held back what was sent',
    (proxy) => {
      proxy.swallow();
    },
  ],
  [
    'lost what was sent',
    (proxy) => {
      proxy.forget();
    },
  ],
  [
    'was cut',
    (proxy) => {
      proxy.refuse();
      proxy.cut();
    },
  ],
];

/** Two nodes, of which one has a way to Redis that can be harmed. */
async function nearAndFar() {
  const { url, port } = await startRedis();
  const proxy = await ChaosProxy.before(port);
  const near = await EngineNode.start(url, 1, { history: HISTORY });
  const far = await EngineNode.start(`redis://127.0.0.1:${proxy.port}`, 2, { history: HISTORY });
  /** The near one relays, and then the harm is over. */
  const relaysAndHeals = async () => {
    for (let n = 0; n < 50; n++) await near.engine.publish(ROOM, `e${n}`, '1');
    proxy.refuse(false);
    proxy.release();
  };
  return { near, far, proxy, relaysAndHeals };
}

test.each(HARMS)(
  'a node whose way to Redis %s fetches what it missed, and delivers it in order, before anything newer',
  async (_, harm) => {
    const { near, far, proxy, relaysAndHeals } = await nearAndFar();
    const client = await far.joins(ROOM);
    await near.engine.publish(ROOM, 'before', '1');
    await eventually(SETTLED_MS, () => {
      expect(eventsOf(counted(client))).toEqual(['before']);
    });
    harm(proxy);
    await relaysAndHeals();
    await eventually(SETTLED_MS, async () => {
      expect(counted(client)).toEqual(await kept(near));
    });
    expect(client.frames('pusher_internal:live', ROOM)).toHaveLength(1);
  },
);

test.each(HARMS)(
  'a client that comes while the way of its node to Redis %s hears everything that is relayed after it came',
  async (_, harm) => {
    const { near, far, proxy, relaysAndHeals } = await nearAndFar();
    await near.engine.publish(ROOM, 'before', '1');
    harm(proxy);
    const client = await far.joins(ROOM);
    await relaysAndHeals();
    await eventually(SETTLED_MS, async () => {
      expect(counted(client)).toEqual((await kept(near)).slice(1));
    });
  },
);

test('a relay is refused while Redis is away, reaches nobody, and the order goes on afterwards', async () => {
  const redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  const [first, second] = await EngineNode.two(redis.url, { history: HISTORY });
  const client = await second.joins(ROOM);
  await first.engine.publish(ROOM, 'before', '1');
  await eventually(SETTLED_MS, () => {
    expect(eventsOf(counted(client))).toEqual(['before']);
  });
  await redis.stop();
  await eventually(SETTLED_MS, () => {
    expect(first.engine.problem).toBeDefined();
  });
  await expect(first.engine.publish(ROOM, 'refused', '1')).rejects.toThrow('Redis cannot be reached');
  await redis.restart();
  await eventually(SETTLED_MS, async () => {
    await first.engine.publish(ROOM, 'after', '1');
  });
  await eventually(SETTLED_MS, async () => {
    expect(counted(client)).toHaveLength((await kept(first)).length);
  });
  expect(eventsOf(counted(client)).filter((event) => event !== 'after')).toEqual(['before']);
  // The log went on under another epoch, and said that nothing is missing.
  const lives = client.frames('pusher_internal:live', ROOM).map(({ data }) => data);
  expect(lives).toEqual([
    { position: expect.any(String) as string },
    { position: expect.any(String) as string, follows: counted(client)[0]?.replace(' before', '') },
  ]);
});

test('a Redis that has lost the log begins another one, and every client is told where it is', async () => {
  const redis = await startRedis();
  const [first, second] = await EngineNode.two(redis.url, { history: HISTORY });
  const clients = [await first.joins(ROOM), await second.joins(ROOM)];
  await first.engine.publish(ROOM, 'before', '1');
  await eventually(SETTLED_MS, () => {
    for (const client of clients) expect(eventsOf(counted(client))).toEqual(['before']);
  });
  const [old] = await kept(first);
  await redis.client().flushall();
  await second.engine.publish(ROOM, 'first', '1');
  await eventually(SETTLED_MS, async () => {
    const { epoch } = await first.engine.history.head(ROOM);
    for (const client of clients) {
      const lives = client.frames('pusher_internal:live', ROOM).map(({ data }) => data);
      expect(lives).toHaveLength(2);
      expect(lives[1]).toEqual({ position: `${epoch}.0` });
      expect(eventsOf(counted(client))).toEqual(['before', 'first']);
    }
  });
  const position = readPosition(old?.replace(' before', '')) ?? { epoch: '', offset: 0 };
  expect(await first.engine.history.since(ROOM, position, 0)).toMatchObject({ gap: 'restarted' });
});

test('after a failover of Redis the log goes on where the new primary has it', async () => {
  const redis = await startSentinelRedis();
  const hosts = redis.addresses.map(({ host, port }) => `${host}:${port}`).join(',');
  const [first, second] = await EngineNode.two(`redis-sentinel://${hosts}#${redis.name}`, {
    history: HISTORY,
  });
  const client = await second.joins(ROOM);
  await first.engine.publish(ROOM, 'before', '1');
  await redis.primary.client().wait(1, SETTLED_MS);
  const start = await first.engine.history.head(ROOM);
  await redis.failover();
  await eventually(SETTLED_MS, async () => {
    await first.engine.publish(ROOM, 'after', '1');
  });
  await eventually(SETTLED_MS, async () => {
    const missed = await first.engine.history.since(ROOM, start, 0);
    expect(missed.gap === undefined && missed.events.map(({ event }) => event)).toContain('after');
    expect(counted(client)).toHaveLength((await kept(first)).length);
  });
  expect(new Set(eventsOf(counted(client)))).toEqual(new Set(['before', 'after']));
});

test('on a Redis Cluster it is the same: one order, and a log for each slot', async () => {
  const { urls } = await startRedisCluster();
  const rooms = ['private-room', 'private-a', 'private-b', 'private-c'];
  const nodes = await EngineNode.two(urls[0] ?? '', { history: { channels: rooms } });
  const clients = await Promise.all(nodes.map(async (node) => node.joins(rooms[0] ?? '')));
  for (const client of clients) for (const room of rooms.slice(1)) await client.joins(room);
  const relays = rooms.flatMap((room) =>
    Array.from(
      { length: 50 },
      (_, n) => nodes[n % 2]?.engine.publish(room, `e${n}`, '1') ?? Promise.resolve(),
    ),
  );
  await Promise.all(relays);
  for (const room of rooms) {
    const all = await kept(nodes[0], room);
    expect(all).toHaveLength(50);
    await eventually(SETTLED_MS, () => {
      for (const client of clients) expect(counted(client, room)).toEqual(all);
    });
  }
});

test('channels without history write nothing more to Redis', async () => {
  const redis = await startRedis();
  const [first, second] = await EngineNode.two(redis.url, { history: HISTORY });
  const client = await second.joins('private-other');
  await first.engine.publish('private-other', 'plain', '1');
  await eventually(SETTLED_MS, () => {
    expect(client.frames('plain')).toHaveLength(1);
  });
  expect(client.frames('pusher_internal:live')).toEqual([]);
  const keys = await redis.client().keys('*:{private-other}:*');
  expect(keys.filter((key) => /:(?:head|log|once)/.test(key))).toEqual([]);
});
