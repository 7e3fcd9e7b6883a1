import {
  AuthorizeChannel,
  type ChannelAuthorizer,
  type ChannelEventName,
  type ChannelEvents,
  type SocketModuleOptions,
  SocketService,
} from 'nestjs-switchboard';
import type { PresenceChannel } from 'pusher-js';
import { CHANNEL_EVENT_NAMES } from '../../../src/ports/channel-events.js';
import { SocketRuntime } from '../../../src/runtime/socket-runtime.js';
import { EventQueue } from '../../support/event-queue.js';
import { Host } from '../../support/host.js';
import { logged, startFake, startHost } from '../../support/hosts.js';
import { subscribed } from '../../support/pusher-browser.js';

@AuthorizeChannel('presence-room.{room}')
class RoomChannel implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}

const ROOM = 'presence-room.1';
const OPTIONS: SocketModuleOptions = { gateway: { clientEvents: true, subscriptionCount: true } };

/**
 * Hears every channel event but those about the broadcast channel, on which everybody is. With several nodes each event is
 * heard on one of them.
 */
function hearing(...services: SocketService[]) {
  const all: object[] = [];
  const queue = new EventQueue();
  const listen = (service: SocketService, name: ChannelEventName) =>
    service.onChannelEvent(name, (event) => {
      if (event.channel === 'broadcast') return;
      all.push(event);
      queue.push(event);
    });
  for (const service of services) CHANNEL_EVENT_NAMES.forEach((name) => listen(service, name));
  return { all, next: () => queue.next() };
}

describe('on ws, with pusher-js', () => {
  async function start() {
    const host = await Host.start({ ...OPTIONS, providers: [RoomChannel] });
    const services = host.topology.apps.map((app) => app.get(SocketService));
    return { host, heard: hearing(...services) };
  }

  test('a room is occupied, entered, talked in, left and vacated', async () => {
    const { host, heard } = await start();
    const [ann, bob] = [await host.browser('ann'), await host.browser('bob')];
    const room = ann.channel(ROOM) as PresenceChannel;
    await subscribed(room);
    expect(await heard.next()).toEqual({ name: 'channel_occupied', channel: ROOM });
    expect(await heard.next()).toEqual({ name: 'member_added', channel: ROOM, user_id: 'ann' });
    await subscribed(bob.channel(ROOM));
    expect(await heard.next()).toEqual({ name: 'member_added', channel: ROOM, user_id: 'bob' });
    room.trigger('client-typing', { on: true });
    expect(await heard.next()).toEqual({
      name: 'client_event',
      channel: ROOM,
      event: 'client-typing',
      data: '{"on":true}',
      socket_id: ann.pusher.connection.socket_id,
      user_id: 'ann',
    });
    ann.pusher.unsubscribe(ROOM);
    expect(await heard.next()).toEqual({ name: 'member_removed', channel: ROOM, user_id: 'ann' });
    bob.pusher.unsubscribe(ROOM);
    expect(await heard.next()).toEqual({ name: 'member_removed', channel: ROOM, user_id: 'bob' });
    expect(await heard.next()).toEqual({ name: 'channel_vacated', channel: ROOM });
  });

  test('a cache channel that remembers nothing is told once, and its subscriptions are counted', async () => {
    const { host, heard } = await start();
    const [ann, bob] = [await host.browser('ann'), await host.browser('bob')];
    await subscribed(ann.channel('cache-news'));
    await subscribed(bob.channel('cache-news'));
    ann.pusher.unsubscribe('cache-news');
    const events = [];
    while (events.length < 5) events.push(await heard.next());
    expect(events).toEqual([
      { name: 'channel_occupied', channel: 'cache-news' },
      { name: 'cache_miss', channel: 'cache-news' },
      { name: 'subscription_count', channel: 'cache-news', subscription_count: 1 },
      { name: 'subscription_count', channel: 'cache-news', subscription_count: 2 },
      { name: 'subscription_count', channel: 'cache-news', subscription_count: 1 },
    ]);
  });
});

describe('on memory', () => {
  async function start(options: SocketModuleOptions = OPTIONS) {
    const { fake, service, app } = await startFake(options, { providers: [RoomChannel] });
    return { fake, service, app, heard: hearing(service) };
  }

  test('all seven are heard, within the call that makes them happen', async () => {
    const { fake, heard } = await start();
    const [ann, bob] = [await fake.connect('ann'), await fake.connect('bob')];
    await ann.subscribe(ROOM);
    await bob.subscribe(ROOM);
    ann.trigger(ROOM, 'client-wave');
    ann.unsubscribe(ROOM);
    bob.unsubscribe(ROOM);
    await ann.subscribe('cache-news');
    expect(heard.all).toEqual([
      { name: 'channel_occupied', channel: ROOM },
      { name: 'member_added', channel: ROOM, user_id: 'ann' },
      { name: 'member_added', channel: ROOM, user_id: 'bob' },
      {
        name: 'client_event',
        channel: ROOM,
        event: 'client-wave',
        socket_id: ann.socketId,
        user_id: 'ann',
      },
      { name: 'member_removed', channel: ROOM, user_id: 'ann' },
      { name: 'member_removed', channel: ROOM, user_id: 'bob' },
      { name: 'channel_vacated', channel: ROOM },
      { name: 'channel_occupied', channel: 'cache-news' },
      { name: 'cache_miss', channel: 'cache-news' },
      { name: 'subscription_count', channel: 'cache-news', subscription_count: 1 },
    ]);
  });

  test('a page that is reloaded neither leaves nor vacates; one that is closed does, after the grace period', async () => {
    const { fake, heard } = await start({ gateway: { presenceGraceMs: 3_000 } });
    const page = await fake.connect('ann');
    await page.subscribe(ROOM);
    await page.subscribe('news');
    page.disconnect();
    fake.advance(2_999);
    const reloaded = await fake.connect('ann');
    await reloaded.subscribe(ROOM);
    await reloaded.subscribe('news');
    fake.advance(60_000);
    expect(heard.all.splice(0)).toEqual([
      { name: 'channel_occupied', channel: ROOM },
      { name: 'member_added', channel: ROOM, user_id: 'ann' },
      { name: 'channel_occupied', channel: 'news' },
    ]);
    reloaded.disconnect();
    fake.advance(2_999);
    expect(heard.all).toEqual([]);
    fake.advance(1);
    expect(heard.all).toEqual([
      { name: 'member_removed', channel: ROOM, user_id: 'ann' },
      { name: 'channel_vacated', channel: ROOM },
      { name: 'channel_vacated', channel: 'news' },
    ]);
  });

  test('a cache miss is told again only after the channel has remembered something and forgotten it', async () => {
    const { fake, service } = await start({});
    const misses: string[] = [];
    service.onChannelEvent('cache_miss', ({ channel }) => misses.push(channel));
    for (const member of ['ann', 'bob']) await (await fake.connect(member)).subscribe('cache-news');
    expect(misses).toEqual(['cache-news']);
    await service.relayToChannel('cache-news', 'ANNOUNCED', { message: 'hi' });
    await (await fake.connect('eve')).subscribe('cache-news');
    expect(misses).toEqual(['cache-news']);
    fake.advance(30 * 60_000);
    for (const member of ['joe', 'kim']) await (await fake.connect(member)).subscribe('cache-news');
    expect(misses).toEqual(['cache-news', 'cache-news']);
  });

  test('a listener that throws or rejects is logged and harms nobody', async () => {
    const { lines } = logged('error');
    const { fake, service } = await start({});
    const heard: string[] = [];
    service.onChannelEvent('channel_occupied', () => {
      throw new Error('at once');
    });
    service.onChannelEvent('channel_occupied', async () => {
      await Promise.resolve();
      throw new Error('later');
    });
    service.onChannelEvent('channel_occupied', ({ channel }) => heard.push(channel));
    const ann = await fake.connect('ann');
    await ann.subscribe('news');
    expect(heard).toEqual(['broadcast', 'news']);
    await fake.settled();
    expect(lines.filter((line) => line.includes('at once'))).toHaveLength(2);
    expect(lines.at(-1)).toMatch(/^A listener failed on the channel event channel_occupied: Error: /);
    expect(lines).toHaveLength(4);
  });

  test('the returned function stops a listener, and only that one', async () => {
    const { fake, service } = await start({});
    const [one, other]: [string[], string[]] = [[], []];
    const stop = service.onChannelEvent('channel_occupied', ({ channel }) => one.push(channel));
    service.onChannelEvent('channel_occupied', ({ channel }) => other.push(channel));
    const ann = await fake.connect('ann');
    stop();
    stop();
    await ann.subscribe('news');
    expect([one, other]).toEqual([['broadcast'], ['broadcast', 'news']]);
  });
});

test.each(['ws', 'memory', 'pusher'] as const)(
  'on %s listeners are released when the application is closed',
  async (provider) => {
    const app = { id: '1', key: 'k', secret: 's' };
    const host = await startHost({ provider, app, pusher: { host: '127.0.0.1', port: 1 } });
    const source = host.app.get(SocketRuntime).providers[0]?.channelEvents;
    const heard: ChannelEvents['channel_vacated'][] = [];
    host.app.get(SocketService).onChannelEvent('channel_vacated', (event) => heard.push(event));
    source?.emit({ name: 'channel_vacated', channel: 'a' });
    await host.close();
    source?.emit({ name: 'channel_vacated', channel: 'b' });
    expect(heard).toEqual([{ name: 'channel_vacated', channel: 'a' }]);
  },
);

// Checked by `npm run typecheck`, never called.
export const typed = (service: SocketService): void => {
  service.onChannelEvent('client_event', ({ event, data, user_id }) => [event, data?.length, user_id]);
  service.onChannelEvent('subscription_count', ({ subscription_count }) => subscription_count + 1);
  // @ts-expect-error -- a channel has no user
  service.onChannelEvent('channel_occupied', ({ user_id }) => user_id);
  // @ts-expect-error -- no such event
  service.onChannelEvent('channel_renamed', () => undefined);
};
