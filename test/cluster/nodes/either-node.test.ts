import { jest } from '@jest/globals';
import fc from 'fast-check';
import { ChaosProxy } from '../../support/chaos-proxy.js';
import { type Client, EngineNode, type EngineSettings, rosterOf } from '../../support/cluster/engines.js';
import { Pairs } from '../../support/cluster/pairs.js';
import { eventually, SETTLED_MS, throughout } from '../../support/cluster/waiting.js';

jest.setTimeout(180_000);

const ROUNDS = 200;
const ROUNDS_AT_ONCE = 20;
const SEED = 4;
const GRACE_MS = 1_000;

const ADDED = 'pusher_internal:member_added';
const REMOVED = 'pusher_internal:member_removed';
const COUNT = 'pusher_internal:subscription_count';
const WATCHLIST = 'pusher_internal:watchlist_events';

const pairs = Pairs.onOneRedis();
const two = (settings?: EngineSettings) => pairs.two(settings);

/** Everything of one name that any of these nodes was told of a channel: what webhooks and `onChannelEvent` get. */
const told = (nodes: readonly EngineNode[], channel: string, name: Parameters<EngineNode['told']>[1]) =>
  nodes.flatMap((node) => node.told(channel, name));

const isOfAda = (event: object) => 'user_id' in event && event.user_id === 'ada';

/** The data of the frames of one event that a client heard. */
const data = (client: Client, event: string, channel?: string) =>
  client.frames(event, channel).map((frame) => frame.data);

/** Lets so many turns pass: what nodes do in "the same moment" comes in any order. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('A user who acts on two nodes in the same moment', () => {
  test(`comes once and leaves once, in each of ${ROUNDS} rounds, whoever looks`, async () => {
    const nodes = await two();
    const [first, second] = nodes;
    const pauses = fc.sample(fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3)), {
      numRuns: ROUNDS,
      seed: SEED,
    });
    const observers = [first.connects(), second.connects()];
    const round = async (n: number, [a, b, c, d]: readonly number[]) => {
      const room = `presence-round-${n}`;
      await Promise.all(observers.map((observer, index) => observer.joins(room, `observer-${index}`)));
      const tabs = [first.connects(), second.connects()];
      const ada = { user_id: 'ada' };
      const come = [a, b].map(async (pause, index) => {
        await turns(pause ?? 0);
        tabs[index]?.subscribes(room, ada);
      });
      await Promise.all(come);
      await eventually(SETTLED_MS, () => {
        for (const tab of tabs) {
          expect(data(tab, 'pusher_internal:subscription_succeeded', room)).toMatchObject([
            { presence: { count: 3 } },
          ]);
        }
        for (const observer of observers) expect(data(observer, ADDED, room)).toContainEqual(ada);
      });
      const go = [c, d].map(async (pause, index) => {
        await turns(pause ?? 0);
        if ((n + index) % 2 === 0) tabs[index]?.unsubscribes(room);
        else tabs[index]?.isLost();
      });
      await Promise.all(go);
      await eventually(SETTLED_MS, () => {
        for (const observer of observers) expect(data(observer, REMOVED, room)).toContainEqual(ada);
      });
      return room;
    };
    const rooms: string[] = [];
    for (let n = 0; n < ROUNDS; n += ROUNDS_AT_ONCE) {
      const batch = pauses.slice(n, n + ROUNDS_AT_ONCE);
      rooms.push(...(await Promise.all(batch.map((pause, index) => round(n + index, pause)))));
    }
    for (const room of rooms) {
      const of = (name: 'member_added' | 'member_removed') =>
        told(nodes, room, name).filter((event) => 'user_id' in event && event.user_id === 'ada');
      expect({ room, added: of('member_added').length }).toEqual({ room, added: 1 });
      expect({ room, removed: of('member_removed').length }).toEqual({ room, removed: 1 });
      expect(told(nodes, room, 'channel_occupied')).toHaveLength(1);
      for (const observer of observers) {
        const ofAda = (event: string) =>
          data(observer, event, room).filter((member) => (member as { user_id: string }).user_id === 'ada');
        expect({ room, frames: [ofAda(ADDED).length, ofAda(REMOVED).length] }).toEqual({
          room,
          frames: [1, 1],
        });
      }
    }
  });

  test('finds a presence channel of three places full on either node, and takes the place of whoever leaves', async () => {
    const nodes = await two({ limits: { presenceMembers: 3 } });
    const room = 'presence-small';
    const clients = Array.from({ length: 10 }, (_, n) => (nodes[n % 2] ?? nodes[0]).connects());
    for (const [n, client] of clients.entries()) client.subscribes(room, { user_id: `user-${n}` });
    const isIn = (client: Client) =>
      client.frames('pusher_internal:subscription_succeeded', room).length === 1;
    await eventually(SETTLED_MS, () => {
      const refused = clients.filter((client) => client.frames('pusher:error').length === 1);
      expect([clients.filter(isIn).length, refused.length]).toEqual([3, 7]);
    });
    const inside = clients.flatMap((client, n) => (isIn(client) ? [`user-${n}`] : [])).sort();
    for (const node of nodes) expect(await rosterOf(node, room)).toEqual(inside);
    expect(told(nodes, room, 'member_added')).toHaveLength(3);
    expect(told(nodes, room, 'channel_occupied')).toHaveLength(1);
    for (const client of clients.filter((each) => !isIn(each))) {
      expect(client.frames('pusher:error')).toMatchObject([{ data: { code: 4009 } }]);
      expect(client.frames(ADDED, room)).toEqual([]);
    }
    // A member that is in already is let in again, on whichever node.
    const [known = ''] = inside;
    for (const node of nodes) await node.joins(room, known);
    clients.find(isIn)?.unsubscribes(room);
    clients.filter(isIn)[1]?.unsubscribes(room);
    await eventually(SETTLED_MS, async () => {
      expect(await rosterOf(nodes[0], room)).toHaveLength(2);
    });
    await nodes[1].joins(room, 'late');
    expect(told(nodes, room, 'member_added')).toHaveLength(4);
  });
});

describe('A member with another info on two nodes', () => {
  const renamed = (name: string) => ({ user_id: 'ada', user_info: { name } });

  /** The comings and goings that a client was told, as `+Ada` and `-`. */
  const moves = (client: Client) =>
    client.heard.flatMap(({ event, data: frame }) => {
      const { user_id: id, user_info: info } = Object(frame) as Partial<ReturnType<typeof renamed>>;
      if (id !== 'ada') return [];
      return event === ADDED ? [`+${String(info?.name)}`] : event === REMOVED ? ['-'] : [];
    });

  test.each([
    ['within the grace period', true],
    ['in a second tab', false],
  ])('is told to all once, wherever they are: %s', async (_, isLost) => {
    const nodes = await two({ presenceGraceMs: GRACE_MS });
    const [first, second] = nodes;
    const observers = await Promise.all(nodes.map((node, n) => node.joins('presence-room', `observer-${n}`)));
    const ada = first.connects();
    ada.subscribes('presence-room', renamed('Ada'));
    await eventually(SETTLED_MS, () => {
      for (const observer of observers) expect(moves(observer)).toEqual(['+Ada']);
    });
    if (isLost) ada.isLost();
    const back = second.connects();
    back.subscribes('presence-room', renamed('Ada Lovelace'));
    await eventually(SETTLED_MS, () => {
      for (const observer of observers) expect(moves(observer)).toEqual(['+Ada', '-', '+Ada Lovelace']);
    });
    // The first node reports Ada's older tab no more, also when a further one comes with the old name.
    const third = first.connects();
    third.subscribes('presence-room', renamed('Ada'));
    await eventually(SETTLED_MS, () => {
      for (const observer of observers) expect(moves(observer).slice(3)).toEqual(['-', '+Ada']);
    });
    for (const node of nodes) {
      const late = node.connects();
      late.subscribes('presence-room', { user_id: 'late' });
      await eventually(SETTLED_MS, () => {
        expect(data(late, 'pusher_internal:subscription_succeeded')).toMatchObject([
          { presence: { hash: { ada: { name: 'Ada' } } } },
        ]);
      });
    }
    expect(told(nodes, 'presence-room', 'member_added').filter(isOfAda)).toHaveLength(1);
    expect(told(nodes, 'presence-room', 'member_removed')).toEqual([]);
  });
});

describe('A member with another info, while one of two nodes was away from Redis', () => {
  test('keeps it when that node is back, and reports the older one', async () => {
    const proxy = await ChaosProxy.before(pairs.redis.port);
    const settings = { prefix: 'away', presenceGraceMs: 10_000 };
    const away = await EngineNode.start(`redis://127.0.0.1:${proxy.port}`, 1, settings);
    const other = await EngineNode.start(pairs.redis.url, 2, settings);
    const observers = [
      await away.joins('presence-room', 'observer-1'),
      await other.joins('presence-room', 'observer-2'),
    ];
    const infos = (client: Client) =>
      data(client, ADDED)
        .filter((frame) => isOfAda(Object(frame) as object))
        .map((frame) => (frame as { user_info: string }).user_info);
    away.connects().subscribes('presence-room', { user_id: 'ada', user_info: 'old' });
    await eventually(SETTLED_MS, () => {
      for (const observer of observers) expect(infos(observer)).toEqual(['old']);
    });
    proxy.refuse();
    proxy.cut();
    await eventually(SETTLED_MS, () => {
      expect(away.engine.problem).toBeDefined();
    });
    await other.joins('presence-room', 'ada', 'new');
    proxy.refuse(false);
    await eventually(SETTLED_MS, () => {
      for (const observer of observers) expect(infos(observer)).toEqual(['old', 'new']);
    });
    await away.joins('presence-room', 'late');
    await eventually(SETTLED_MS, () => {
      for (const observer of observers) expect(data(observer, ADDED)).toContainEqual({ user_id: 'late' });
    });
    for (const observer of observers) expect(infos(observer)).toEqual(['old', 'new']);
  });
});

describe('The grace period on two nodes', () => {
  test('forgives a reload that lands on the other node: nobody is told anything', async () => {
    const nodes = await two({ presenceGraceMs: GRACE_MS });
    const [first, second] = nodes;
    const observers = await Promise.all(nodes.map((node, n) => node.joins('presence-room', `observer-${n}`)));
    const before = await first.joins('presence-room', 'ada');
    await eventually(SETTLED_MS, () => {
      for (const observer of observers) expect(data(observer, ADDED)).toContainEqual({ user_id: 'ada' });
    });
    before.isLost();
    await second.joins('presence-room', 'ada');
    await throughout(GRACE_MS + 500, async () => {
      expect(told(nodes, 'presence-room', 'member_removed')).toEqual([]);
      expect(await rosterOf(first, 'presence-room')).toContain('ada');
    });
    for (const observer of observers) {
      expect(data(observer, REMOVED)).toEqual([]);
      expect(
        data(observer, ADDED).filter((user) => (user as { user_id: string }).user_id === 'ada'),
      ).toHaveLength(1);
    }
    expect(told(nodes, 'presence-room', 'member_added')).toHaveLength(3);
  });

  test('ends once, and within a second of its time, for whoever does not come back', async () => {
    const nodes = await two({ presenceGraceMs: GRACE_MS });
    const observers = await Promise.all(nodes.map((node, n) => node.joins('presence-room', `observer-${n}`)));
    const tabs = await Promise.all(nodes.map((node) => node.joins('presence-room', 'ada')));
    const alone = await nodes[0].joins('private-alone');
    const lost = performance.now();
    for (const tab of [...tabs, alone]) tab.isLost();
    await throughout(GRACE_MS - 200, () => {
      expect(told(nodes, 'presence-room', 'member_removed')).toEqual([]);
      expect(told(nodes, 'private-alone', 'channel_vacated')).toEqual([]);
    });
    await eventually(lost + GRACE_MS + 1_000 - performance.now(), () => {
      expect(told(nodes, 'presence-room', 'member_removed')).toHaveLength(1);
      expect(told(nodes, 'private-alone', 'channel_vacated')).toHaveLength(1);
      for (const observer of observers) expect(data(observer, REMOVED)).toEqual([{ user_id: 'ada' }]);
    });
    await throughout(500, () => {
      expect(told(nodes, 'presence-room', 'member_removed')).toHaveLength(1);
      expect(told(nodes, 'private-alone', 'channel_vacated')).toHaveLength(1);
    });
  });

  test('is none for whoever leaves deliberately on one node while it runs for the other', async () => {
    const nodes = await two({ presenceGraceMs: 10_000 });
    const [first, second] = nodes;
    const observer = await second.joins('presence-room', 'observer');
    const tabs = [await first.joins('presence-room', 'ada'), await second.joins('presence-room', 'ada')];
    tabs[0]?.isLost();
    tabs[1]?.unsubscribes('presence-room');
    await eventually(SETTLED_MS, () => {
      expect(data(observer, REMOVED)).toEqual([{ user_id: 'ada' }]);
    });
  });

  test.each(['the node that lost the connection', 'the other node'])(
    'is over at once for whoever is removed from the channel, on %s',
    async (where) => {
      const nodes = await two({ presenceGraceMs: 10_000 });
      const [first, second] = nodes;
      const observer = await second.joins('presence-room', 'observer');
      for (const id of ['ada', 'bob']) (await first.joins('presence-room', id)).isLost();
      await eventually(SETTLED_MS, async () => {
        // Redis knows of both leaves: nobody but the observer has a subscription.
        expect(await first.engine.channelInfo('presence-room')).toMatchObject({ subscriptionCount: 1 });
      });
      const caller = where === 'the other node' ? second : first;
      await caller.engine.removeEverywhere('presence-room', 'ada');
      expect(await rosterOf(first, 'presence-room')).toEqual(['bob', 'observer']);
      await eventually(SETTLED_MS, () => {
        expect(data(observer, REMOVED)).toEqual([{ user_id: 'ada' }]);
        expect(caller.told('presence-room', 'member_removed')).toHaveLength(1);
      });
      await second.joins('presence-room', 'bob');
      await throughout(300, () => {
        expect(told(nodes, 'presence-room', 'member_removed')).toHaveLength(1);
      });
    },
  );

  test('is over at once for the last one who is removed, and the channel is vacated', async () => {
    const nodes = await two({ presenceGraceMs: 10_000 });
    const [first, second] = nodes;
    const ada = await first.joins('presence-room', 'ada');
    ada.isLost();
    await eventually(SETTLED_MS, async () => {
      expect(await first.engine.channelInfo('presence-room')).toMatchObject({ subscriptionCount: 0 });
    });
    await second.engine.removeEverywhere('presence-room', 'ada');
    expect(await first.engine.channelInfo('presence-room')).toMatchObject({
      isOccupied: false,
      userCount: 0,
    });
    await eventually(SETTLED_MS, () => {
      expect(second.told('presence-room').map(({ name }) => name)).toEqual([
        'member_removed',
        'channel_vacated',
      ]);
    });
    await first.joins('presence-room', 'ada');
    expect(told(nodes, 'presence-room', 'channel_occupied')).toHaveLength(2);
  });
});

describe('The messages between clients of two nodes', () => {
  test('client events reach the other node, with who sent them, and not the sender', async () => {
    const [first, second] = await two();
    const ada = await first.joins('presence-room', 'ada');
    const tab = await first.joins('presence-room', 'ada');
    const bob = await second.joins('presence-room', 'bob');
    ada.triggers('presence-room', 'client-wave', { n: 1 });
    await eventually(SETTLED_MS, () => {
      for (const client of [tab, bob]) {
        expect(client.frames('client-wave')).toEqual([
          { event: 'client-wave', channel: 'presence-room', data: { n: 1 }, user_id: 'ada' },
        ]);
      }
    });
    bob.triggers('presence-room', 'client-wave', { n: 2 });
    await eventually(SETTLED_MS, () => {
      expect(data(ada, 'client-wave')).toEqual([{ n: 2 }]);
      expect(data(tab, 'client-wave')).toEqual([{ n: 1 }, { n: 2 }]);
    });
    expect(data(bob, 'client-wave')).toEqual([{ n: 1 }]);
    expect(told([first], 'presence-room', 'client_event')).toHaveLength(1);
    expect(told([second], 'presence-room', 'client_event')).toHaveLength(1);
  });

  test('a relay leaves out the connection that is named, also on the other node, and keeps its order', async () => {
    const [first, second] = await two();
    const near = await first.joins('private-news');
    const [far, other] = [await second.joins('private-news'), await second.joins('private-news')];
    const relays = Array.from({ length: 50 }, async (_, n) => {
      await first.engine.publish('private-news', 'news', JSON.stringify(n), n === 7 ? far.id : undefined);
    });
    await Promise.all(relays);
    const all = Array.from({ length: 50 }, (_, n) => n);
    await eventually(SETTLED_MS, () => {
      for (const client of [near, other]) expect(data(client, 'news')).toEqual(all);
      expect(data(far, 'news')).toEqual(all.filter((n) => n !== 7));
    });
  });

  test('a cache channel remembers what was sent through the other node, and tells once that it remembers nothing', async () => {
    const nodes = await two();
    const [first, second] = nodes;
    const clients = await Promise.all(nodes.map((node) => node.joins('cache-prices')));
    for (const client of clients) expect(client.frames('pusher:cache_miss')).toHaveLength(1);
    for (const node of nodes) await node.joins('cache-prices');
    expect(told(nodes, 'cache-prices', 'cache_miss')).toHaveLength(1);
    await first.engine.publish('cache-prices', 'price', '1');
    await second.engine.publish('cache-prices', 'price', '2');
    for (const node of nodes) {
      const late = await node.joins('cache-prices');
      await eventually(SETTLED_MS, () => {
        expect(data(late, 'price')).toEqual([2]);
      });
    }
    expect(told(nodes, 'cache-prices', 'cache_miss')).toHaveLength(1);
    for (const node of nodes) {
      expect((await node.engine.channelInfo('cache-prices')).cached).toMatchObject({
        event: 'price',
        data: '2',
      });
    }
  });
});

describe('A watchlist whose users are on two nodes', () => {
  const ids = Array.from({ length: 100 }, (_, n) => `user-${n}`);

  test('of 100 tells who is online anywhere, and then every change once', async () => {
    const nodes = await two();
    const [first, second] = nodes;
    const online = ids.filter((_, n) => n % 3 === 0);
    const users = new Map<string, Client>();
    for (const [n, id] of online.entries()) {
      const client = (nodes[n % 2] ?? first).connects();
      await client.isSignedIn({ id });
      users.set(id, client);
    }
    const watcher = first.connects();
    await watcher.isSignedIn({ id: 'watcher', watchlist: ids });
    expect(data(watcher, WATCHLIST)).toEqual([
      {
        events: [
          { name: 'online', user_ids: online },
          { name: 'offline', user_ids: ids.filter((id) => !online.includes(id)) },
        ],
      },
    ]);
    // One more tab is no news, and the loss of one of two is none.
    const tab = second.connects();
    await tab.isSignedIn({ id: 'user-0' });
    users.get('user-0')?.isLost();
    users.get('user-3')?.isLost();
    await second.connects().isSignedIn({ id: 'user-1' });
    await first.connects().isSignedIn({ id: 'user-2' });
    const change = (name: string, id: string) => ({ events: [{ name, user_ids: [id] }] });
    await eventually(SETTLED_MS, () => {
      const changes = data(watcher, WATCHLIST).slice(1);
      expect(changes).toHaveLength(3);
      expect(changes).toEqual(
        expect.arrayContaining([
          change('offline', 'user-3'),
          change('online', 'user-1'),
          change('online', 'user-2'),
        ]),
      );
    });
    tab.isLost();
    await eventually(SETTLED_MS, () => {
      expect(data(watcher, WATCHLIST).slice(4)).toEqual([change('offline', 'user-0')]);
    });
    expect(await second.engine.online(ids)).toEqual(await first.engine.online(ids));
  });

  test('is told to this node by Redis, also to who comes back with it', async () => {
    const [first] = await two();
    const watcher = first.connects();
    await watcher.isSignedIn({ id: 'watcher', watchlist: ids });
    const client = pairs.redis.client();
    const heard = async () =>
      ((await client.call('PUBSUB', 'CHANNELS', `${pairs.prefix}:*:status`)) as string[]).length;
    expect(await heard()).toBe(100);
    watcher.isLost();
    // They are kept for a minute, so whoever comes back with the same list costs nothing.
    await first.connects().isSignedIn({ id: 'watcher', watchlist: ids });
    expect(await heard()).toBe(100);
  });
});

describe('subscription_count over two nodes', () => {
  test('counts every connection of both, and is told to the subscribers of both', async () => {
    const nodes = await two({ subscriptionCount: true });
    const [first, second] = nodes;
    const ann = await first.joins('orders');
    const bob = await second.joins('orders');
    const cy = await second.joins('orders');
    await eventually(SETTLED_MS, () => {
      expect(data(ann, COUNT).at(-1)).toEqual({ subscription_count: 3 });
      expect(data(bob, COUNT).at(-1)).toEqual({ subscription_count: 3 });
    });
    cy.unsubscribes('orders');
    await eventually(SETTLED_MS, () => {
      for (const client of [ann, bob]) expect(data(client, COUNT).at(-1)).toEqual({ subscription_count: 2 });
    });
    const counts = told(nodes, 'orders', 'subscription_count').map((event) =>
      'subscription_count' in event ? event.subscription_count : undefined,
    );
    expect([...counts].sort()).toEqual([1, 2, 2, 3]);
  });
});
