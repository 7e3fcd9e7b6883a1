import { jest } from '@jest/globals';
import { expectRosterInBrowsers, expectRosterOnNodes } from '../../support/cluster/agreement.js';
import { Api } from '../../support/cluster/api.js';
import { Cluster, clusterSettings } from '../../support/cluster/cluster.js';
import { damaged, garbage } from '../../support/cluster/garbage.js';
import { Member } from '../../support/cluster/member.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';

jest.setTimeout(180_000);

const ROOM = 'presence-room';
const NEWS = 'private-news';

type Client = ReturnType<Cluster['redis']['client']>;

/** The channels of the bus that some node listens to. */
async function busChannels(redis: Client, prefix = 'switchboard'): Promise<string[]> {
  const [plain, sharded] = await Promise.all([
    redis.call('PUBSUB', 'CHANNELS', `${prefix}*`),
    redis.call('PUBSUB', 'SHARDCHANNELS', `${prefix}*`),
  ]);
  return [...(plain as string[]), ...(sharded as string[])].sort();
}

async function publish(
  redis: Client,
  channels: readonly string[],
  messages: readonly Buffer[],
): Promise<void> {
  for (const channel of channels) {
    for (const message of messages) {
      await redis.publish(channel, message);
      await redis.spublish(channel, message);
    }
  }
}

interface BusMessage {
  readonly channel: string;
  readonly message: Buffer;
}

/** The messages on the bus while something is done. Only plain pub/sub can be listened to as a whole. */
async function recorded(cluster: Cluster, doing: () => Promise<void>): Promise<readonly BusMessage[]> {
  const seen: BusMessage[] = [];
  const spy = cluster.redis.client();
  spy.on('pmessageBuffer', (_pattern: Buffer, channel: Buffer, message: Buffer) => {
    seen.push({ channel: channel.toString(), message });
  });
  await spy.psubscribe('switchboard*');
  await doing();
  // Behind everything that was said until now.
  await spy.ping();
  await spy.punsubscribe();
  return seen;
}

describe('A bus on which others talk too', () => {
  test('carries no nonsense to browsers, harms no node, and goes on', async () => {
    const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: '300' });
    const nodes = await cluster.two();
    const [first, second] = nodes;
    const ada = await Member.on(first, 'ada', ROOM, NEWS, 'broadcast', 'cache-prices');
    const bob = await Member.on(second, 'bob', ROOM, NEWS, 'broadcast', 'cache-prices');
    await eventually(SETTLED_MS, () => {
      expectRosterInBrowsers([ada, bob], ROOM, ['ada', 'bob']);
    });
    const redis = cluster.redis.client();
    const channels = await busChannels(redis);
    expect(channels.length).toBeGreaterThan(0);

    await publish(redis, channels, garbage());
    await first.call('relayToChannel', NEWS, 'AFTER_GARBAGE', { n: 1 });
    await second.call('relayToChannel', NEWS, 'AFTER_GARBAGE', { n: 2 });
    await eventually(SETTLED_MS, async () => {
      for (const member of [ada, bob]) expect(member.payloads('AFTER_GARBAGE')).toHaveLength(2);
      for (const node of nodes) expect(await node.call('health')).toMatchObject({ status: 'up' });
      await expectRosterOnNodes(nodes, ROOM, ['ada', 'bob']);
    });
    for (const member of [ada, bob]) {
      expect(member.heard.map(({ event }) => event)).toEqual(['AFTER_GARBAGE', 'AFTER_GARBAGE']);
      expect(member.pusher.connection.state).toBe('connected');
      expect(member.roster(ROOM)).toEqual(['ada', 'bob']);
    }
    expect(bob.moves(ROOM)).toEqual([]);
    expect(cluster.webhooks.moves(ROOM)).toEqual(['+ada', '+bob']);
  });

  test('survives real messages that were damaged on the way', async () => {
    const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: '300' });
    const nodes = await cluster.two();
    const [first, second] = nodes;
    const [ada, bob] = [
      await Member.on(first, 'ada', ROOM, NEWS),
      await Member.on(second, 'bob', ROOM, NEWS),
    ];
    const redis = cluster.redis.client();
    const seen = await recorded(cluster, async () => {
      await first.call('relayToChannel', NEWS, 'REAL', { n: 1 });
      await first.call('relayToMember', 'bob', 'REAL', { n: 2 });
      await first.call('broadcast', 'REAL', { n: 3 });
      const cy = await Member.on(first, 'cy', ROOM);
      cy.leave(ROOM);
      await eventually(SETTLED_MS, () => {
        expect(bob.moves(ROOM)).toEqual(['+cy', '-cy']);
      });
    });
    expect(seen.length).toBeGreaterThanOrEqual(3);
    for (const { channel, message } of seen.slice(0, 20)) await publish(redis, [channel], damaged(message));

    await first.call('relayToChannel', NEWS, 'AFTER_DAMAGE');
    await first.call('relayToMember', 'bob', 'AFTER_DAMAGE');
    await second.call('relayToMember', 'ada', 'AFTER_DAMAGE');
    await eventually(SETTLED_MS, async () => {
      expect(bob.payloads('AFTER_DAMAGE')).toHaveLength(2);
      expect(ada.payloads('AFTER_DAMAGE')).toHaveLength(2);
      for (const node of nodes) expect(await node.call('health')).toMatchObject({ status: 'up' });
      await expectRosterOnNodes(nodes, ROOM, ['ada', 'bob']);
    });
    // Nothing that was believed keeps what is true from being heard.
    const dee = await Member.on(first, 'dee', ROOM);
    await eventually(SETTLED_MS, () => {
      expectRosterInBrowsers([ada, bob, dee], ROOM, ['ada', 'bob', 'dee']);
    });
    dee.leave(ROOM);
    await eventually(SETTLED_MS, () => {
      expectRosterInBrowsers([ada, bob], ROOM, ['ada', 'bob']);
    });
  });

  test('is understood in the version before and the one after, with fields added, and in no other', async () => {
    const cluster = await Cluster.start();
    const [first, second] = await cluster.two();
    const bob = await Member.on(second, 'bob', NEWS);
    const redis = cluster.redis.client();
    const real = await recorded(cluster, async () => {
      await first.call('relayToChannel', NEWS, 'NEWS', { from: 'VERSION' });
    });
    const [message] = real.filter((each) => each.message.includes('VERSION'));
    if (message === undefined) throw new Error('No message of the relay was seen on the bus');
    const current = Number(/"v":(\d+)/.exec(message.message.toString())?.[1]);
    expect(current).toBeGreaterThan(0);
    const inbound = (version: number) =>
      Buffer.from(
        message.message
          .toString()
          .replace(/"v":\d+/, `"v":${version},"added":{"later":[true]}`)
          .replace('VERSION', `v${version}`),
      );
    const versions = [current + 2, current + 1, current, current - 1, current - 2, current + 100];
    await publish(redis, [message.channel], versions.map(inbound));
    await first.call('relayToChannel', NEWS, 'NEWS', { from: 'LAST' });
    await eventually(SETTLED_MS, () => {
      expect(bob.payloads('NEWS')).toContainEqual({ from: 'LAST' });
    });
    const understood = [`v${current + 1}`, `v${current}`, `v${current - 1}`];
    expect(bob.payloads('NEWS')).toEqual(['VERSION', ...understood, 'LAST'].map((from) => ({ from })));
  });
});

describe('A Redis that several applications share', () => {
  test('keeps prefixes apart, also those that begin alike', async () => {
    const cluster = await Cluster.start();
    const prefixes = ['shop', 'shop2', 'shop:node', 'shop.', 'sh.p'];
    const apps = await Promise.all(
      prefixes.map(async (prefix) => {
        const node = await cluster.node(clusterSettings(cluster.redis, prefix));
        return {
          prefix,
          node,
          member: await Member.on(node, `of-${prefix.replace(/\W/g, '-')}`, ROOM, NEWS),
        };
      }),
    );
    for (const { prefix, node } of apps) await node.call('relayToChannel', NEWS, 'NEWS', { prefix });
    for (const { prefix, node, member } of apps) {
      await eventually(SETTLED_MS, () => {
        expect(member.payloads('NEWS')).toEqual([{ prefix }]);
      });
      await expectRosterOnNodes([node], ROOM, [member.id]);
    }
    // Each has heard what was there to hear by now: one more round trip for everybody.
    for (const { node, member } of apps) await node.call('relayToMember', member.id, 'LAST');
    for (const { prefix, member } of apps) {
      await eventually(SETTLED_MS, () => {
        expect(member.payloads('LAST')).toHaveLength(1);
      });
      expect(member.payloads('NEWS')).toEqual([{ prefix }]);
      expect(member.moves(ROOM)).toEqual([]);
    }
  });

  test('gets back what it lent: subscriptions with the last subscriber, and with the last node every key but one', async () => {
    const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: '100' });
    const [first, second] = await cluster.two();
    const redis = cluster.redis.client();
    const ofNodes = await busChannels(redis);
    const ada = await Member.on(first, 'ada', ROOM, NEWS, 'public', 'cache-prices');
    const bob = await Member.on(second, 'bob', ROOM, NEWS, 'public', 'cache-prices');
    await first.call('relayToChannel', 'public', 'HELLO');
    expect((await busChannels(redis)).length).toBeGreaterThan(ofNodes.length);
    ada.vanish();
    bob.leave(ROOM);
    bob.vanish();
    await eventually(SETTLED_MS, async () => {
      expect(await busChannels(redis)).toEqual(ofNodes);
      expect(await new Api(first).occupied()).toEqual([]);
      expect(cluster.webhooks.occupancy(ROOM)).toEqual({ occupied: 1, vacated: 1 });
    });
    await Promise.all([first.close(), second.close()]);
    await eventually(SETTLED_MS, async () => {
      expect(await busChannels(redis)).toEqual([]);
      const keys = await redis.keys('*');
      const lives = await Promise.all(keys.map(async (key) => ({ key, ttl: await redis.pttl(key) })));
      const forever = lives.filter(({ ttl }) => ttl === -1).map(({ key }) => key);
      expect(forever.filter((key) => !/^switchboard:\{#\}:\w+$/.test(key))).toEqual([]);
      expect(forever.length).toBeLessThanOrEqual(1);
    });
  });
});
