import { AuthorizeChannel, type ChannelAuthorizer, type Identity } from 'nestjs-switchboard';
import type { ChannelEvent } from '../../../src/ports/channel-events.js';
import { DEVELOPMENT_APP } from '../../../src/settings/app.js';
import { form } from '../../support/auth-requests.js';
import { Host } from '../../support/host.js';
import { openBrowser, type PusherBrowser, subscribed } from '../../support/pusher-browser.js';
import type { RawClient, RawFrame } from '../../support/raw-client.js';
import { channelAuth, userAuth } from '../../support/signing.js';
import { startSocketApp } from '../../support/socket-app.js';
import { onTeardown } from '../../support/teardown.js';
import { WebhookEndpoint } from '../../support/webhook-endpoint.js';

const ROOM = 'presence-room';
const refused = new Set<string>();

@AuthorizeChannel(ROOM)
class RoomChannel implements ChannelAuthorizer {
  authorize({ id }: Identity): boolean {
    return !refused.has(id);
  }
}

async function start() {
  refused.clear();
  const host = await startSocketApp({ provider: 'ws', providers: [RoomChannel] });
  onTeardown(() => host.close());
  const open = async (id: string) => {
    const browser = await openBrowser(host.url, id);
    onTeardown(() => {
      browser.leave();
    });
    await browser.subscribe(ROOM);
    return browser;
  };
  return { host, ada: await open('ada'), bob: await open('bob') };
}

/** Resolves with the next event of the protocol on the room. */
function told({ socket }: PusherBrowser, event: string): Promise<unknown> {
  return new Promise((resolve) => {
    socket.channel(ROOM).bind(event, resolve);
  });
}

describe('removeFromChannel', () => {
  test('tells the page that it was removed, and the others at once that the member is gone', async () => {
    const { host, ada, bob } = await start();
    const [error, removed] = [told(ada, 'pusher:subscription_error'), told(bob, 'pusher:member_removed')];
    await host.client.removeFromChannel(ROOM, 'ada');
    expect(await error).toMatchObject({ status: 403, error: 'Removed from the channel by the application' });
    expect(await removed).toMatchObject({ id: 'ada' });
  });

  test('a page that may come back needs another connection for it, and gets one by itself', async () => {
    const { host, ada } = await start();
    const { pusher } = ada.socket;
    const before = pusher.connection.socket_id;
    const error = told(ada, 'pusher:subscription_error');
    await host.client.removeFromChannel(ROOM, 'ada');
    await error;
    pusher.unsubscribe(ROOM);
    await subscribed(pusher.subscribe(ROOM));
    expect(pusher.connection.socket_id).not.toBe(before);
  });

  test('a member whom the authorizer refuses does not get back', async () => {
    const { host, ada, bob } = await start();
    const { pusher } = ada.socket;
    const error = told(ada, 'pusher:subscription_error');
    refused.add('ada');
    await host.client.removeFromChannel(ROOM, 'ada');
    await error;
    pusher.unsubscribe(ROOM);
    await expect(subscribed(pusher.subscribe(ROOM))).rejects.toThrow('403');
    await host.client.relayToChannel(ROOM, 'INSIDE');
    await host.client.relayToMembers(['ada', 'bob'], 'AFTER');
    expect((await bob.next()).event).toBe('INSIDE');
    expect((await ada.next()).event).toBe('AFTER');
  });
});

/** Clients that an attacker wrote: they keep what they were given, and replay it. */
async function startRaw() {
  refused.clear();
  const webhooks = await WebhookEndpoint.start(DEVELOPMENT_APP);
  const host = await Host.start({
    providers: [RoomChannel],
    gateway: { clientEvents: true, subscriptionCount: true, presenceGraceMs: 60_000 },
    webhooks: { urls: [webhooks.url], privateTargets: true },
  });
  const joined = async (id: string, channel: string) => {
    const client = host.raw();
    const socketId = await client.greeted();
    client.say('pusher:signin', userAuth(host.app, socketId, { id }));
    expect(await client.next()).toMatchObject({ event: 'pusher:signin_success' });
    const data = channel === ROOM ? { user_id: id } : undefined;
    const subscription = { channel, ...channelAuth(host.app, socketId, channel, data) };
    client.say('pusher:subscribe', subscription);
    await heard(client, 'pusher_internal:subscription_succeeded');
    return { client, socketId, subscription };
  };
  return { host, webhooks, joined };
}

/** The next frame with this event. */
async function heard(client: RawClient, event: string): Promise<RawFrame> {
  for (;;) {
    const frame = await client.next();
    if (frame.event === event) return frame;
  }
}

const askedBy = (url: string, id: string, socketId: string) =>
  form(`${url}/socket/auth`, { socket_id: socketId, channel_name: ROOM }, { 'x-member': id });

describe('A client that replays its subscription after it was removed', () => {
  test('is closed with 4200, and its signature is good for no other connection', async () => {
    const { host, joined } = await startRaw();
    const { client, subscription } = await joined('ada', ROOM);
    refused.add('ada');
    await host.runtime.client.removeFromChannel(ROOM, 'ada');
    await heard(client, 'pusher:subscription_error');
    client.say('pusher:unsubscribe', { channel: ROOM });
    client.say('pusher:subscribe', subscription);
    expect(await client.closed).toMatchObject({ code: 4200 });

    const again = host.raw();
    const socketId = await again.greeted();
    again.say('pusher:subscribe', subscription);
    expect(await again.next()).toMatchObject({ event: 'pusher:error', data: { code: 4009 } });
    expect(await askedBy(host.url, 'ada', socketId)).toMatchObject([403, {}]);
    expect(await host.engines.subscriptions(ROOM)).toBe(0);
  });

  test('sends no client event there, and hears none', async () => {
    const { host, joined } = await startRaw();
    const [ada, bob] = [await joined('ada', ROOM), await joined('bob', ROOM)];
    await host.runtime.client.removeFromChannel(ROOM, 'ada');
    await heard(ada.client, 'pusher:subscription_error');
    ada.client.say('client-typing', {}, ROOM);
    expect(await ada.client.next()).toMatchObject({
      event: 'pusher:error',
      data: { code: null, message: `Client event refused: not subscribed to "${ROOM}"` },
    });
    await heard(bob.client, 'pusher_internal:member_removed');
    bob.client.say('client-waved', {}, ROOM);
    await host.runtime.client.relayToChannel(ROOM, 'INSIDE');
    expect(await bob.client.next()).toMatchObject({ event: 'INSIDE' });
    await host.runtime.client.relayToMember('ada', 'OWN');
    expect(await ada.client.next()).toMatchObject({ event: 'OWN' });
  });
});

describe('The counts after a member was removed', () => {
  test('of a presence channel are without the member, and the webhook says so once', async () => {
    const { host, webhooks, joined } = await startRaw();
    const bob = await joined('bob', ROOM);
    for (const id of ['ada', 'ada']) await joined(id, ROOM);
    // Two nodes post for themselves, so theirs may come in either order.
    const names = (await webhooks.events(3)).map(({ name }) => name).sort();
    expect(names).toEqual(['channel_occupied', 'member_added', 'member_added']);
    await host.runtime.client.removeFromChannel(ROOM, 'ada');
    await heard(bob.client, 'pusher_internal:member_removed');
    expect(await host.runtime.client.channelMembers(ROOM)).toMatchObject([{ id: 'bob' }]);
    expect(await host.engines.subscriptions(ROOM)).toBe(1);
    await host.runtime.client.removeFromChannel(ROOM, 'bob');
    const told = await webhooks.events(3);
    expect(told).toHaveLength(3);
    expect(told).toEqual(
      expect.arrayContaining([
        { name: 'member_removed', channel: ROOM, user_id: 'ada' },
        { name: 'member_removed', channel: ROOM, user_id: 'bob' },
        { name: 'channel_vacated', channel: ROOM },
      ]),
    );
    expect(await host.engines.isOccupied(ROOM)).toBe(false);
  });

  test('of a private channel are without the member’s subscriptions, for browsers and webhooks', async () => {
    const { host, webhooks, joined } = await startRaw();
    const CHAT = 'private-chat';
    const bob = await joined('bob', CHAT);
    for (const id of ['ada', 'ada']) await joined(id, CHAT);
    const counted = async (count: number) => {
      const data = JSON.stringify({ subscription_count: count });
      while ((await heard(bob.client, 'pusher_internal:subscription_count')).data !== data) continue;
    };
    await counted(3);
    await host.runtime.client.removeFromChannel(CHAT, 'ada');
    await counted(1);
    expect(await host.engines.subscriptions(CHAT)).toBe(1);
    const isLast = ({ name, ...event }: ChannelEvent) =>
      name === 'subscription_count' && 'subscription_count' in event && event.subscription_count === 1;
    // One comes as the first subscribes, and one with the removal.
    let ones = 0;
    while (ones < 2) ones += (await webhooks.events(1)).filter(isLast).length;
    await host.runtime.client.removeFromChannel(CHAT, 'bob');
    await heard(bob.client, 'pusher:subscription_error');
    let isVacated = false;
    while (!isVacated) isVacated = (await webhooks.events(1)).some(({ name }) => name === 'channel_vacated');
    expect(await host.engines.isOccupied(CHAT)).toBe(false);
  });
});
