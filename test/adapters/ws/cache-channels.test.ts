import { randomBytes } from 'node:crypto';
import { AuthorizeChannel, type ChannelAuthorizer } from 'nestjs-switchboard';
import { Host } from '../../support/host.js';
import { subscribed } from '../../support/pusher-browser.js';
import { hearing } from '../../support/pusher-events.js';
import { channelAuth } from '../../support/signing.js';
import { titled } from '../../support/titled.js';

class Open implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}

@AuthorizeChannel('private-cache-{name}')
class PrivateCacheChannel extends Open {}

@AuthorizeChannel('private-encrypted-cache-{name}')
class EncryptedCacheChannel extends Open {}

@AuthorizeChannel('presence-cache-{name}')
class PresenceCacheChannel extends Open {}

@AuthorizeChannel('private-orders')
class PlainPrivateChannel extends Open {}

const VARIANTS = [
  'cache-orders',
  'private-cache-orders',
  'private-encrypted-cache-orders',
  'presence-cache-orders',
];

const SUCCEEDED = 'pusher:subscription_succeeded';
const MISS = 'pusher:cache_miss';

const start = () =>
  Host.start({
    encryptionMasterKey: randomBytes(32).toString('base64'),
    gateway: { clientEvents: true, presenceGraceMs: 0 },
    providers: [PrivateCacheChannel, EncryptedCacheChannel, PresenceCacheChannel, PlainPrivateChannel],
  });

/** A member who hears everything about the cache of a channel, from the subscription on. */
async function onChannel(host: Host, memberId: string, name: string) {
  const socket = await host.browser(memberId);
  const channel = socket.channel(name);
  const heard = hearing(channel, SUCCEEDED, MISS, 'FIRST', 'LAST', 'AFTER', 'client-typed');
  return { socket, channel, heard, next: async () => (await heard.next()).event };
}

describe.each(VARIANTS)('The cache channel %s with pusher-js (3.9)', (name) => {
  test('says pusher:cache_miss right after the subscription when nothing was ever sent', async () => {
    const host = await start();
    const ann = await onChannel(host, 'ann', name);
    expect(await ann.next()).toBe(SUCCEEDED);
    expect(await ann.heard.next()).toEqual({ event: MISS, data: undefined });
  });

  test('says it to the newcomer and to nobody else', async () => {
    const host = await start();
    const ann = await onChannel(host, 'ann', name);
    expect([await ann.next(), await ann.next()]).toEqual([SUCCEEDED, MISS]);
    const bob = await onChannel(host, 'bob', name);
    expect([await bob.next(), await bob.next()]).toEqual([SUCCEEDED, MISS]);
    await host.runtime.client.relayToChannel(name, 'AFTER');
    expect([await ann.next(), await bob.next()]).toEqual(['AFTER', 'AFTER']);
  });

  test('delivers the last event, sent while nobody was there, under its own name and with its data', async () => {
    const host = await start();
    await host.runtime.client.relayToChannel(name, 'FIRST', { id: 1 });
    await host.runtime.client.relayToChannel(name, 'LAST', { id: 2, text: 'ü' });
    const ann = await onChannel(host, 'ann', name);
    expect(await ann.next()).toBe(SUCCEEDED);
    expect(await ann.heard.next()).toEqual({ event: 'LAST', data: { id: 2, text: 'ü' } });
    await host.runtime.client.relayToChannel(name, 'AFTER');
    expect(await ann.next()).toBe('AFTER');
  });

  test('keeps the event after everybody has left', async () => {
    const host = await start();
    const ann = await onChannel(host, 'ann', name);
    await subscribed(ann.channel);
    await host.runtime.client.relayToChannel(name, 'LAST', 7);
    ann.socket.pusher.unsubscribe(name);
    const bystander = ann.socket.channel('bystanders');
    await subscribed(bystander);
    expect(await host.engines.isOccupied(name)).toBe(false);
    const bob = await onChannel(host, 'bob', name);
    expect(await bob.next()).toBe(SUCCEEDED);
    expect(await bob.heard.next()).toEqual({ event: 'LAST', data: 7 });
  });

  test('replaces the event by a newer one, for whoever comes next, and repeats it to nobody who was there', async () => {
    const host = await start();
    const ann = await onChannel(host, 'ann', name);
    expect([await ann.next(), await ann.next()]).toEqual([SUCCEEDED, MISS]);
    await host.runtime.client.relayToChannel(name, 'FIRST', 1);
    await host.runtime.client.relayToChannel(name, 'LAST', 2);
    const bob = await onChannel(host, 'bob', name);
    expect(await bob.next()).toBe(SUCCEEDED);
    expect(await bob.heard.next()).toEqual({ event: 'LAST', data: 2 });
    await host.runtime.client.relayToChannel(name, 'AFTER');
    expect(await bob.next()).toBe('AFTER');
    expect([await ann.next(), await ann.next(), await ann.next()]).toEqual(['FIRST', 'LAST', 'AFTER']);
  });

  test('delivers the event again to a client that left and comes back', async () => {
    const host = await start();
    await host.runtime.client.relayToChannel(name, 'LAST', 1);
    const ann = await onChannel(host, 'ann', name);
    expect([await ann.next(), await ann.next()]).toEqual([SUCCEEDED, 'LAST']);
    ann.socket.pusher.unsubscribe(name);
    const again = hearing(ann.socket.channel(name), SUCCEEDED, 'LAST');
    expect([(await again.next()).event, (await again.next()).event]).toEqual([SUCCEEDED, 'LAST']);
  });

  test('remembers for a whole channel what one connection was left out of', async () => {
    const host = await start();
    const ann = await onChannel(host, 'ann', name);
    expect([await ann.next(), await ann.next()]).toEqual([SUCCEEDED, MISS]);
    const exceptSocketId = ann.socket.pusher.connection.socket_id;
    await host.runtime.client.relayToChannel(name, 'LAST', 1, { exceptSocketId });
    const bob = await onChannel(host, 'bob', name);
    expect([await bob.next(), await bob.next()]).toEqual([SUCCEEDED, 'LAST']);
    await host.runtime.client.relayToChannel(name, 'AFTER');
    expect(await ann.next()).toBe('AFTER');
  });
});

describe.each(['private-cache-orders', 'presence-cache-orders'])(
  'A client event on %s with pusher-js (3.7, 3.9)',
  (name) => {
    test('is not remembered: whoever comes after it is told pusher:cache_miss', async () => {
      const host = await start();
      const [ann, bob] = [await onChannel(host, 'ann', name), await onChannel(host, 'bob', name)];
      await Promise.all([subscribed(ann.channel), subscribed(bob.channel)]);
      ann.channel.trigger('client-typed', {});
      expect([await bob.next(), await bob.next(), await bob.next()]).toEqual([
        SUCCEEDED,
        MISS,
        'client-typed',
      ]);
      const cy = await onChannel(host, 'cy', name);
      expect([await cy.next(), await cy.next()]).toEqual([SUCCEEDED, MISS]);
    });

    test('does not replace what the server sent', async () => {
      const host = await start();
      await host.runtime.client.relayToChannel(name, 'LAST', 1);
      const [ann, bob] = [await onChannel(host, 'ann', name), await onChannel(host, 'bob', name)];
      await Promise.all([subscribed(ann.channel), subscribed(bob.channel)]);
      ann.channel.trigger('client-typed', {});
      expect([await bob.next(), await bob.next(), await bob.next()]).toEqual([
        SUCCEEDED,
        'LAST',
        'client-typed',
      ]);
      const cy = await onChannel(host, 'cy', name);
      expect([await cy.next(), await cy.next()]).toEqual([SUCCEEDED, 'LAST']);
    });
  },
);

describe('The event that a cache channel remembers (3.9)', () => {
  const payloads = ['123', '', 'plain', 'ü💬', null, 0, false, [], {}, { a: [1, null] }, 'x'.repeat(10_000)];

  test.each(titled(payloads))('is data as it was sent: %s', async (_, payload) => {
    const host = await start();
    await host.runtime.client.relayToChannel('cache-orders', 'LAST', payload);
    const ann = await onChannel(host, 'ann', 'cache-orders');
    await ann.next();
    expect(await ann.heard.next()).toEqual({ event: 'LAST', data: payload });
  });

  test('may be an event without data', async () => {
    const host = await start();
    await host.runtime.client.relayToChannel('cache-orders', 'LAST');
    const ann = await onChannel(host, 'ann', 'cache-orders');
    await ann.next();
    expect(await ann.heard.next()).toEqual({ event: 'LAST', data: undefined });
  });

  test('may be a broadcast', async () => {
    const host = await Host.start({ broadcastChannel: 'cache-everybody' });
    await host.runtime.client.broadcast('LAST', 1);
    const ann = host.raw();
    await ann.greeted();
    ann.say('pusher:subscribe', { channel: 'cache-everybody', auth: '' });
    await ann.next();
    expect(await ann.next()).toEqual({ event: 'LAST', channel: 'cache-everybody', data: '1' });
  });

  test.each(VARIANTS)('on %s is, on the wire, the frame that subscribers have heard', async (name) => {
    const host = await start();
    const [early, late] = [await rawOn(host, name, 'ann'), host.raw()];
    expect(await early.next()).toMatchObject({ event: 'pusher_internal:subscription_succeeded' });
    expect(await early.next()).toEqual({ event: 'pusher:cache_miss', channel: name });
    await host.runtime.client.relayToChannel(name, 'LAST', { id: 1 });
    const live = await early.next();
    late.say('pusher:subscribe', { channel: name, ...authOf(host, name, await late.greeted(), 'ann') });
    expect(await late.next()).toMatchObject({ event: 'pusher_internal:subscription_succeeded' });
    expect(await late.next()).toEqual(live);
    await late.isAnswered();
  });
});

describe('A channel without a cache (3.5, 3.9)', () => {
  test.each(['orders', 'private-orders', 'x-cache-y', 'cache', 'foo-private-cache-x'])(
    '%s remembers nothing, and says nothing of a cache',
    async (name) => {
      const host = await start();
      await host.runtime.client.relayToChannel(name, 'LAST', 1);
      const ann = await rawOn(host, name, 'ann');
      expect(await ann.next()).toMatchObject({ event: 'pusher_internal:subscription_succeeded' });
      await ann.isAnswered();
    },
  );
});

const authOf = (host: Host, name: string, socketId: string, userId: string) => {
  if (name.startsWith('presence-')) return channelAuth(host.app, socketId, name, { user_id: userId });
  return name.startsWith('private-') ? channelAuth(host.app, socketId, name) : { auth: '' };
};

async function rawOn(host: Host, name: string, userId: string) {
  const client = host.raw();
  client.say('pusher:subscribe', {
    channel: name,
    ...authOf(host, name, await client.greeted(), userId),
  });
  return client;
}
