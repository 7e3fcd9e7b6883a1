import { jest } from '@jest/globals';
import { RememberedEvents } from '../../../src/cluster/redis/remembered-events.js';
import type { ChannelEvent } from '../../../src/ports/channel-events.js';
import type { Client, EngineNode, EngineSettings } from '../../support/cluster/engines.js';
import { Pairs } from '../../support/cluster/pairs.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';
import { onTeardown } from '../../support/teardown.js';

jest.setTimeout(180_000);

const LARGE_CHANNEL = 100;
const INTERVAL_MS = 5_000;

const COUNT = 'pusher_internal:subscription_count';

const pairs = Pairs.onOneRedis();
const two = (settings?: EngineSettings) => pairs.two(settings);

/** The counts that a client was told, oldest first. */
const counts = (client: Client, channel: string) =>
  client
    .frames(COUNT, channel)
    .map(({ data }) => (data as { subscription_count: number }).subscription_count);

const countOf = (event: ChannelEvent) => ('subscription_count' in event ? event.subscription_count : 0);

/** When a channel's count was told last, by Redis's clock. */
async function announcedAt(channel: string): Promise<number> {
  const told = await pairs.redis.client().hget(`${pairs.prefix}:{${channel}}`, 'told');
  return Number(told?.split(' ')[1]);
}

/** So many subscriptions, one after the other. */
async function crowd(node: EngineNode, channel: string, size: number): Promise<Client[]> {
  const clients: Client[] = [];
  while (clients.length < size) clients.push(await node.joins(channel));
  return clients;
}

/** Many subscriptions in the same turn, which are one announcement. */
async function throng(node: EngineNode, channel: string, size: number): Promise<Client[]> {
  const clients = Array.from({ length: size }, () => node.connects());
  for (const client of clients) client.subscribes(channel);
  await eventually(SETTLED_MS, () => {
    for (const client of clients) {
      expect(client.frames('pusher_internal:subscription_succeeded', channel)).toHaveLength(1);
    }
  });
  return clients;
}

describe('A crowd of more than 100 on two nodes', () => {
  test('is counted aloud at most once in five seconds in the whole cluster, and rightly in the end', async () => {
    const nodes = await two({ subscriptionCount: true });
    const [first, second] = nodes;
    const [near] = await crowd(first, 'orders', 1);
    const [far] = await crowd(second, 'orders', 1);
    await throng(first, 'orders', LARGE_CHANNEL / 2);
    await throng(second, 'orders', LARGE_CHANNEL / 2);
    const announced = () => nodes.flatMap((node) => node.told('orders', 'subscription_count')).map(countOf);
    await eventually(SETTLED_MS, () => {
      expect(announced()).toContain(LARGE_CHANNEL + 2);
      if (far !== undefined) expect(counts(far, 'orders').at(-1)).toBe(LARGE_CHANNEL + 2);
    });
    const before = announced().length;
    const since = await announcedAt('orders');
    // A new subscriber is counted, and not told of; on either node, one by one.
    await crowd(first, 'orders', 10);
    await crowd(second, 'orders', 10);
    expect((await second.engine.channelInfo('orders')).subscriptionCount).toBe(LARGE_CHANNEL + 22);
    await eventually(SETTLED_MS, () => {
      expect(announced()).toContain(LARGE_CHANNEL + 22);
      for (const client of [near, far]) {
        if (client !== undefined) expect(counts(client, 'orders').at(-1)).toBe(LARGE_CHANNEL + 22);
      }
    });
    // However long this took, each of them was five seconds after the one before.
    const took = (await announcedAt('orders')) - since;
    expect(took).toBeGreaterThanOrEqual(INTERVAL_MS * (announced().length - before));
  });

  test('is counted rightly in the end also when a node’s last subscribers left last', async () => {
    const [first, second] = await two({ subscriptionCount: true });
    const leaves = await throng(first, 'orders', 10);
    const [stays] = await throng(second, 'orders', LARGE_CHANNEL + 5);
    if (stays === undefined) throw new Error('Nobody came');
    await eventually(SETTLED_MS, () => {
      expect(counts(stays, 'orders').at(-1)).toBe(LARGE_CHANNEL + 15);
    });
    for (const client of leaves) client.unsubscribes('orders');
    await eventually(SETTLED_MS, () => {
      expect(counts(stays, 'orders').at(-1)).toBe(LARGE_CHANNEL + 5);
    });
  });
});

describe('A node that has no subscribers of its own', () => {
  test('remembers nothing of the cache channels that it publishes to: Redis does', async () => {
    const sending = jest.spyOn(RememberedEvents.prototype, 'sending');
    onTeardown(() => {
      sending.mockRestore();
    });
    const [first, second] = await two();
    const channels = Array.from({ length: 50 }, (_, n) => `cache-of-${n}`);
    await Promise.all(channels.map(async (channel) => first.engine.publish(channel, 'price', '1')));
    const late = await second.joins('cache-of-7');
    await eventually(SETTLED_MS, () => {
      expect(late.frames('price').map(({ data }) => data)).toEqual([1]);
    });
    const remembered = new Set(sending.mock.contexts as RememberedEvents[]);
    const kept = [...remembered].flatMap((events) =>
      channels.filter((name) => events.get(name) !== undefined),
    );
    expect(kept).toEqual([]);
  });

  test('does no work for the events of channels that only others have subscribers of', async () => {
    const [first, second] = await two();
    const ann = await second.joins('orders');
    const client = pairs.redis.client();
    const subscribers = async () => {
      const [, count] = (await client.call('PUBSUB', 'NUMSUB', `${pairs.prefix}:{orders}`)) as [
        string,
        number,
      ];
      return count;
    };
    expect(await subscribers()).toBe(1);
    const bob = await first.joins('orders');
    expect(await subscribers()).toBe(2);
    bob.unsubscribes('orders');
    await eventually(SETTLED_MS, async () => {
      expect(await subscribers()).toBe(1);
    });
    await first.engine.publish('orders', 'news', '1');
    await eventually(SETTLED_MS, () => {
      expect(ann.frames('news')).toHaveLength(1);
    });
  });
});

describe('A message between nodes', () => {
  test('may carry an event of the largest size, of characters that JSON escapes, in every case', async () => {
    const maxEventBytes = 10_240;
    const nodes = await two({ maxEventBytes });
    const [first, second] = nodes;
    const far = await second.joins('private-news');
    const texts = ['"', '\\', '\u0001', 'é', '😀', '\u2028', '/'].map((character) => {
      const unit = Buffer.byteLength(JSON.stringify(character)) - 2;
      return character.repeat(Math.floor((maxEventBytes - 2) / unit));
    });
    for (const text of texts) {
      const json = JSON.stringify(text);
      expect(Buffer.byteLength(json)).toBeLessThanOrEqual(maxEventBytes);
      await first.engine.publish('private-news', 'news', json);
    }
    await eventually(SETTLED_MS, () => {
      expect(far.frames('news').map(({ data }) => data)).toEqual(texts);
    });
    expect(nodes.map(({ engine }) => engine.statistics)).toEqual(
      nodes.map(() => ({ undelivered: 0, malformed: 0 })),
    );
  });

  test('is a member of any id and any info, who comes and goes', async () => {
    const nodes = await two();
    const [first, second] = nodes;
    const observer = await second.joins('presence-room', 'observer');
    const ids = [
      '__proto__',
      '{x}',
      ':status',
      '"',
      '\\',
      'é😀',
      '\u2028',
      ' ',
      '1e999',
      '0',
      'a/b',
      'null',
      '\u0000',
    ];
    const infos: unknown[] = [
      null,
      0,
      -0.5,
      1e300,
      '',
      [],
      {},
      [[]],
      { a: { b: [] } },
      false,
      '\u0000',
      'x'.repeat(800),
    ];
    const users = ids.map((id, n) => ({ user_id: id, user_info: infos[n % infos.length] }));
    const clients = users.map((user) => {
      const client = first.connects();
      client.subscribes('presence-room', user);
      return client;
    });
    await eventually(SETTLED_MS, () => {
      expect(observer.frames('pusher_internal:member_added').map(({ data }) => data)).toEqual(users);
    });
    const late = second.connects();
    late.subscribes('presence-room', { user_id: 'late' });
    await eventually(SETTLED_MS, () => {
      const [answer] = late.frames('pusher_internal:subscription_succeeded');
      const { presence } = answer?.data as { presence: { ids: string[]; hash: Record<string, unknown> } };
      expect([...presence.ids].sort()).toEqual(['observer', 'late', ...ids].sort());
      for (const { user_id, user_info } of users) expect(presence.hash[user_id]).toEqual(user_info);
    });
    for (const client of clients) client.unsubscribes('presence-room');
    await eventually(SETTLED_MS, () => {
      expect(observer.frames('pusher_internal:member_removed')).toHaveLength(ids.length);
    });
    expect(nodes.map(({ engine }) => engine.statistics?.malformed)).toEqual([0, 0]);
  });
});

describe('SOCKET_MAX_CHANNELS on two nodes', () => {
  test('is what each of them knows: one that is full takes no new public channel, and those that it has go on', async () => {
    const [first, second] = await two({ presenceGraceMs: 0, limits: { channels: 1 } });
    const there = await first.joins('a');
    const stranger = first.connects();
    stranger.subscribes('b');
    await stranger.joins('a');
    expect(stranger.frames('pusher:error')).toMatchObject([{ data: { code: 4100 } }]);
    await second.joins('b');
    for (const client of [there, stranger]) client.unsubscribes('a');
    await eventually(SETTLED_MS, () => {
      expect(first.engine.channels).toBe(0);
    });
    await stranger.joins('b');
  });
});
