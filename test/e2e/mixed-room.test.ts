import { AuthorizeChannel, type ChannelAuthorizer, type SocketModuleOptions } from 'nestjs-switchboard';
import type { PresenceChannel } from 'pusher-js';
import { openBrowser, subscribed } from '../support/pusher-browser.js';
import { engineOf } from '../support/runtime-parts.js';
import { type SocketApp, startSocketApp } from '../support/socket-app.js';
import { openSocketIo, type SocketIoBrowser } from '../support/socket-io-browser.js';
import { onTeardown } from '../support/teardown.js';

// One application while its front-end migrates: pages with pusher-js, and pages with socket.io-client, on one engine.

@AuthorizeChannel('presence-{room}')
class Rooms implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}

const ROOM = 'presence-room';

async function start(provider: string, beside: string, more: SocketModuleOptions = {}): Promise<SocketApp> {
  const host = await startSocketApp({
    provider,
    gateways: [beside],
    providers: [Rooms],
    socketIo: { handshakeHeaders: ['x-member'] },
    ...more,
  });
  onTeardown(() => host.close());
  return host;
}

/** A page with pusher-js in the room. */
async function pusherPage(host: SocketApp, memberId: string) {
  const page = await openBrowser(host.url, memberId);
  onTeardown(() => {
    page.leave();
  });
  const room = page.socket.channel(ROOM) as PresenceChannel;
  await subscribed(room);
  const roster = (): string[] => Object.keys(room.members.members as object).sort();
  const changed = () =>
    new Promise<void>((resolve) => {
      for (const change of ['added', 'removed'])
        room.bind(`pusher:member_${change}`, () => {
          resolve();
        });
    });
  return { ...page, room, roster, changed };
}

/** A page with socket.io-client in the room, which keeps the roster as a page would. */
async function socketIoPage(host: SocketApp, memberId: string, transports: ('polling' | 'websocket')[]) {
  const page: SocketIoBrowser = await openSocketIo(host.url, memberId, { transports });
  onTeardown(() => page.leave());
  const { members = [] } = await page.ask('subscribe', ROOM);
  const present = new Set(members.map(({ id }) => id));
  page.socket.on('pusher:member_added', ({ user_id }: { user_id: string }) => present.add(user_id));
  page.socket.on('pusher:member_removed', ({ user_id }: { user_id: string }) => present.delete(user_id));
  return { ...page, roster: () => [...present].sort() };
}

async function eventuallyEqual(read: () => unknown, expected: unknown): Promise<void> {
  for (let turn = 0; turn < 2_000 && JSON.stringify(read()) !== JSON.stringify(expected); turn++)
    await new Promise((resolve) => setTimeout(resolve, 5));
  expect(read()).toEqual(expected);
}

describe.each([
  ['ws', 'socket-io'],
  ['socket-io', 'ws'],
])('on %s with %s beside it', (provider, beside) => {
  test('pages of both kinds are in one room, and their rosters agree', async () => {
    const host = await start(provider, beside, { gateway: { presenceGraceMs: 1 } });
    const ada = await pusherPage(host, 'ada');
    const alan = await socketIoPage(host, 'alan', ['websocket']);
    const grace = await socketIoPage(host, 'grace', ['polling']);
    const everybody = ['ada', 'alan', 'grace'];
    for (const page of [ada, alan, grace]) await eventuallyEqual(page.roster, everybody);
    expect((await host.client.channelMembers(ROOM)).map(({ id }) => id).sort()).toEqual(everybody);

    await alan.leave();
    for (const page of [ada, grace]) await eventuallyEqual(page.roster, ['ada', 'grace']);
    ada.leave();
    await eventuallyEqual(grace.roster, ['grace']);
  });

  test('one member’s pages of both kinds are one member, and get what is relayed to it', async () => {
    const host = await start(provider, beside);
    const [first, second] = [await pusherPage(host, 'ada'), await socketIoPage(host, 'ada', ['websocket'])];
    const other = await socketIoPage(host, 'alan', ['websocket']);
    await eventuallyEqual(other.roster, ['ada', 'alan']);
    await host.client.relayToMember('ada', 'ONE', { n: 1 });
    await host.client.relayToChannel(ROOM, 'TWO', { n: 2 }, { exceptSocketId: first.socketId });
    await host.client.broadcast('THREE', { n: 3 });
    expect([await first.next(), await first.next()]).toEqual([
      { event: 'ONE', payload: { n: 1 } },
      { event: 'THREE', payload: { n: 3 } },
    ]);
    const heard = [await second.next(), await second.next(), await second.next()];
    expect(heard.map(({ event }) => event)).toEqual(['ONE', 'TWO', 'THREE']);
    const gone = [first.disconnected(), second.disconnected()];
    await host.client.disconnectMember('ada');
    await Promise.all(gone);
    await eventuallyEqual(other.roster, ['alan']);
  });

  test('a client event crosses from one kind of page to the other', async () => {
    const host = await start(provider, beside, { gateway: { clientEvents: true } });
    const [ada, alan] = [await pusherPage(host, 'ada'), await socketIoPage(host, 'alan', ['websocket'])];
    ada.room.trigger('client-said', { text: 'hi' });
    expect(await alan.next()).toEqual({ event: 'client-said', payload: { text: 'hi' } });
    alan.socket.emit('client-said', { text: 'hello' }, ROOM);
    expect(await ada.next()).toEqual({ event: 'client-said', payload: { text: 'hello' } });
  });

  test('what /socket/config answers has the options of both', async () => {
    const host = await start(provider, beside);
    const config = (await (await fetch(`${host.url}/socket/config`)).json()) as Record<string, unknown>;
    const ofPusher = { wsHost: '127.0.0.1', channelAuthorization: { endpoint: '/socket/auth' } };
    const ofSocketIo = { path: '/socket.io', transports: ['polling', 'websocket'] };
    const [first, second] = provider === 'ws' ? [ofPusher, ofSocketIo] : [ofSocketIo, ofPusher];
    expect(config).toMatchObject({
      provider,
      options: first,
      beside: [{ provider: beside, options: second }],
    });
  });

  test('a shutdown sends all of them away, and ends', async () => {
    const host = await start(provider, beside);
    await pusherPage(host, 'ada');
    await socketIoPage(host, 'alan', ['websocket']);
    await socketIoPage(host, 'grace', ['polling']);
    expect(engineOf(host.runtime).connections).toBe(3);
    expect(await host.client.health()).toMatchObject({ status: 'up', connections: 3 });
    await host.close();
    expect(engineOf(host.runtime).connections).toBe(0);
  });
});

test.each([
  ['the provider itself', { provider: 'ws', gateways: ['ws'] }, '"ws" is a provider already'],
  ['one beside hosted Pusher', { provider: 'pusher', gateways: ['ws'] }, 'has none of that kind'],
  [
    'one that has none',
    { provider: 'ws', gateways: ['pusher'] },
    'must be a list, each once, of: ws, socket-io',
  ],
  ['one twice', { provider: 'ws', gateways: ['socket-io', 'socket-io'] }, 'must be a list, each once'],
  ['one beside two', { provider: ['ws', 'socket-io'], gateways: ['acme'] }, 'must be a list, each once'],
])('a gateway beside it cannot be %s', async (_, settings, problem) => {
  const env = {
    SOCKET_APP_ID: '1',
    SOCKET_APP_KEY: 'key',
    SOCKET_APP_SECRET: 'a secret of twenty letters',
  };
  await expect(startSocketApp({ ...(settings as SocketModuleOptions), env })).rejects.toThrow(problem);
});
