import { randomBytes } from 'node:crypto';
import type { Channel } from 'pusher-js';
import { Host, type HostOptions } from '../../support/host.js';
import { plainPusher } from '../../support/plain-pusher.js';
import { type Pusher, subscribed } from '../../support/pusher-browser.js';
import { hearing } from '../../support/pusher-events.js';
import { channelAuth } from '../../support/signing.js';

const COUNTED = [
  'orders',
  'cache-orders',
  'private-orders',
  'private-cache-orders',
  'private-encrypted-orders',
  'private-encrypted-cache-orders',
];

const start = (gateway: HostOptions['gateway'] = {}) =>
  Host.start({ gateway: { presenceGraceMs: 0, ...gateway } });

/** A member by hand: any channel is open to it, the encrypted ones with some key or other. */
function browser(host: Host, userId: string): Pusher {
  return plainPusher(host, {
    authorize: ({ socketId, channelName }, answer) => {
      const data = channelName.startsWith('presence-') ? { user_id: userId } : undefined;
      const shared_secret = randomBytes(32).toString('base64');
      answer(null, { ...channelAuth(host.app, socketId, channelName, data), shared_secret });
    },
  });
}

async function on(pusher: Pusher, name: string) {
  const channel = pusher.subscribe(name);
  const counts = hearing(channel, 'pusher:subscription_count');
  await subscribed(channel);
  return { channel, next: async () => (await counts.next()).data, counts };
}

describe('subscription_count with pusher-js (3.4)', () => {
  test.each(COUNTED)('is told on %s as people come and go, and kept as a property', async (name) => {
    const host = await start({ subscriptionCount: true });
    const [ann, bob] = [browser(host, 'ann'), browser(host, 'bob')];
    const first = await on(ann, name);
    expect(await first.next()).toEqual({ subscription_count: 1 });
    const second = await on(bob, name);
    for (const each of [first, second]) {
      expect(await each.next()).toEqual({ subscription_count: 2 });
      expect(countOf(each.channel)).toBe(2);
    }
    bob.unsubscribe(name);
    expect(await first.next()).toEqual({ subscription_count: 1 });
    expect(countOf(first.channel)).toBe(1);
    expect(second.counts.untaken).toEqual([]);
  });

  test('goes down when a connection is lost without a word', async () => {
    const host = await start({ subscriptionCount: true });
    const first = await on(browser(host, 'ann'), 'orders');
    const stranger = host.raw();
    await stranger.greeted();
    stranger.say('pusher:subscribe', { channel: 'orders', auth: '' });
    expect([await first.next(), await first.next()]).toEqual([
      { subscription_count: 1 },
      { subscription_count: 2 },
    ]);
    stranger.socket.terminate();
    expect(await first.next()).toEqual({ subscription_count: 1 });
  });

  test('counts the tabs of one member each', async () => {
    const host = await start({ subscriptionCount: true });
    const [first] = [await on(browser(host, 'ann'), 'orders'), await on(browser(host, 'ann'), 'orders')];
    expect([await first.next(), await first.next()]).toEqual([
      { subscription_count: 1 },
      { subscription_count: 2 },
    ]);
  });

  test.each(['presence-room', 'presence-cache-room'])(
    'is not told on %s, where members are (3.6)',
    async (name) => {
      const host = await start({ subscriptionCount: true });
      const ann = browser(host, 'ann');
      const first = await on(ann, name);
      await on(browser(host, 'bob'), name);
      // Messages after the subscriptions arrive after the counts that those would have caused.
      const orders = await on(ann, 'orders');
      expect(await orders.next()).toEqual({ subscription_count: 1 });
      expect(first.counts.untaken).toEqual([]);
    },
  );

  test.each([...COUNTED, 'presence-room', 'presence-cache-room'])('is off by default on %s', async (name) => {
    const host = await start();
    const ann = browser(host, 'ann');
    const first = await on(ann, name);
    const bob = browser(host, 'bob');
    await on(bob, name);
    bob.unsubscribe(name);
    await on(bob, 'orders-of-bob');
    await on(ann, 'orders-of-ann');
    expect(first.counts.untaken).toEqual([]);
    expect(countOf(first.channel)).toBeFalsy();
  });

  test('can be switched on by SOCKET_SUBSCRIPTION_COUNT', async () => {
    const host = await Host.start({ env: { SOCKET_SUBSCRIPTION_COUNT: 'true' } });
    const first = await on(browser(host, 'ann'), 'orders');
    expect(await first.next()).toEqual({ subscription_count: 1 });
  });
});

describe('subscription_count on the wire (3.2, 3.4)', () => {
  test('follows the answer to the subscription and what a cache channel has to say, as a JSON string', async () => {
    const host = await start({ subscriptionCount: true });
    const client = host.raw();
    await client.greeted();
    client.say('pusher:subscribe', { channel: 'cache-orders', auth: '' });
    const frames = [await client.next(), await client.next(), await client.next()];
    expect(frames).toEqual([
      { event: 'pusher_internal:subscription_succeeded', channel: 'cache-orders', data: '{}' },
      { event: 'pusher:cache_miss', channel: 'cache-orders' },
      {
        event: 'pusher_internal:subscription_count',
        channel: 'cache-orders',
        data: '{"subscription_count":1}',
      },
    ]);
    await client.isAnswered();
  });

  test('is not told of the channel of a member (3.8)', async () => {
    const host = await start({ subscriptionCount: true });
    const pusher = plainPusher(host, { userData: { id: 'ann' } });
    const frames = hearing(pusher.connection, 'message');
    const orders = await on(pusher, 'orders');
    expect(await orders.next()).toEqual({ subscription_count: 1 });
    const mine = frames.untaken
      .map(({ data }) => data as { event: string; channel?: string })
      .filter(({ channel }) => channel === '#server-to-user-ann');
    expect(mine.map(({ event }) => event)).not.toContain('pusher_internal:subscription_count');
  });
});

/** The property that pusher-js documents, and whose type it has as null. */
const countOf = (channel: Channel): unknown => channel.subscriptionCount;
