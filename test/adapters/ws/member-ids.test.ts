import {
  type Admission,
  AuthorizeChannel,
  type ChannelAuthorizer,
  type Identity,
  SocketService,
} from 'nestjs-switchboard';
import PusherSdk from 'pusher';
import type { PresenceChannel } from 'pusher-js';
import { wireMemberId } from '../../../src/protocol/member-id.js';
import { Host } from '../../support/host.js';
import { HOSTILE_IDS } from '../../support/hostile-ids.js';
import { plainPusher } from '../../support/plain-pusher.js';
import { openBrowser, subscribed } from '../../support/pusher-browser.js';
import { hearing, type PusherEvent } from '../../support/pusher-events.js';
import { type SocketApp, startSocketApp } from '../../support/socket-app.js';
import { onTeardown } from '../../support/teardown.js';
import { titled } from '../../support/titled.js';

const ROOM = 'presence-room';

/** Whether a watchlist's news are about this member only. */
function isAbout({ event, data }: PusherEvent, name: string, id: string): boolean {
  const { user_ids: ids } = data as { user_ids: readonly string[] };
  return event === name && ids.length === 1 && ids[0] === id;
}

@AuthorizeChannel(ROOM)
class RoomChannel implements ChannelAuthorizer {
  authorize({ id }: Identity): Admission {
    return { id, info: { is: 'here' } };
  }
}

async function start(options: Parameters<typeof startSocketApp>[0] = {}): Promise<SocketApp> {
  const host = await startSocketApp({
    provider: 'ws',
    gateway: { clientEvents: true, presenceGraceMs: 0 },
    providers: [RoomChannel],
    ...options,
  });
  onTeardown(() => host.close());
  return host;
}

async function browser(host: SocketApp, id: string) {
  const opened = await openBrowser(host.url, id);
  onTeardown(() => {
    opened.leave();
  });
  return opened;
}

// The list of members in pusher-js is a plain object, in which this id is the object's prototype.
const IDS = HOSTILE_IDS.filter((id) => id !== '__proto__');

describe('A member whose id is any text', () => {
  test.each(titled(IDS))('is present, heard and told of by its own id: %s', async (_, id) => {
    const host = await start();
    const service = host.app.get(SocketService);
    const told: unknown[] = [];
    for (const name of ['member_added', 'client_event', 'member_removed'] as const)
      service.onChannelEvent(name, (event) => void told.push([name, event.user_id]));

    const watcher = await browser(host, 'watcher');
    const room = watcher.socket.channel(ROOM) as PresenceChannel;
    await subscribed(room);
    const moves = hearing(room, 'pusher:member_added', 'client-waved', 'pusher:member_removed');
    const member = await browser(host, id);
    const own = member.socket.channel(ROOM) as PresenceChannel;
    await subscribed(own);
    own.trigger('client-waved', {});
    expect(await moves.next()).toMatchObject({ data: { id, info: { is: 'here' } } });
    expect(await moves.next()).toMatchObject({ event: 'client-waved', userId: id });
    expect(own.members.myID).toBe(id);

    await service.disconnectMember(id);
    expect(await moves.next()).toMatchObject({ event: 'pusher:member_removed', data: { id } });
    // With several nodes each event is told on one of them.
    if (host.topology.apps.length === 1)
      expect(told).toEqual([
        ['member_added', 'watcher'],
        ['member_added', id],
        ['client_event', id],
        ['member_removed', id],
      ]);
  });

  test('is on a watchlist by its own id, with the helper and with pusher-js alone', async () => {
    const friends = ['auth0|5f7c', 'ж'.repeat(150), 'bob'];
    const host = await start({
      identify: ({ headers }) => ({
        id: decodeURIComponent(String(headers['x-member'])),
        watchlist: friends,
      }),
    });
    const ada = await browser(host, 'auth0|ada');
    const news = hearing(ada.socket.pusher.user.watchlist, 'online', 'offline');
    // With several nodes the first news, that all of them are offline, may still be on its way.
    (await browser(host, 'bob')).leave();
    while (!isAbout(await news.next(), 'offline', 'bob'));
    for (const id of friends) {
      const friend = await browser(host, id);
      expect(await news.next()).toMatchObject({ data: { name: 'online', user_ids: [id] } });
      friend.leave();
      expect(await news.next()).toMatchObject({ data: { name: 'offline', user_ids: [id] } });
    }
  });

  test('is on a watchlist by its own id, although hosted Pusher tells of wire forms', async () => {
    const friends = ['auth0|5f7c', 'ж'.repeat(150), 'bob'];
    const host = await start({ identify: () => ({ id: 'ada', watchlist: friends }) });
    const ada = await browser(host, 'ada');
    const { watchlist } = ada.socket.pusher.user;
    const news = hearing(watchlist, 'online');
    // As hosted Pusher would send it.
    const user_ids = [...friends.map(wireMemberId), 'somebody'];
    (watchlist as unknown as { handleEvent(event: object): void }).handleEvent({
      data: { events: [{ name: 'online', user_ids }] },
    });
    expect(await news.next()).toMatchObject({ data: { user_ids: [...friends, 'somebody'] } });
  });
});

describe('A backend that signs by itself, and knows no escape', () => {
  test.each(titled(HOSTILE_IDS.filter((id) => !id.startsWith('='))))(
    'signs a pusher-js in as %s, and reaches it over the HTTP API',
    async (_, id) => {
      const host = await Host.start({ httpApi: { enabled: true } });
      const pusher = plainPusher(host, { userData: { id } });
      const heard = hearing(pusher.user, 'NOTED');
      const service = host.nest.get(SocketService);
      await new Promise<void>((resolve) => {
        pusher.connection.bind('message', ({ event }: { event: string }) => {
          if (event === 'pusher:signin_success') resolve();
        });
      });
      const { port, app } = host;
      const sdk = new PusherSdk({
        ...app,
        appId: app.id,
        host: '127.0.0.1',
        port: String(port),
        useTLS: false,
      });
      await sdk.sendToUser(id, 'NOTED', 1);
      expect(await heard.next()).toMatchObject({ data: 1 });
      expect(await service.onlineMembers([id])).toEqual(new Set([id]));
    },
  );
});
