import { connect, type ConnectOptions } from 'nestjs-switchboard/browser';
import { io as clientIo, Manager } from 'socket.io-client';
import { pageOf, startHost } from '../adapters/socket-io/support.js';
import { type SocketApp } from '../support/socket-app.js';
import { onTeardown } from '../support/teardown.js';

/** The real one. Its timers keep no test waiting. */
const io = Object.assign((url: string, options: object) => clientIo(url, { ...options, autoUnref: true }), {
  Manager,
});

async function connected(host: Pick<SocketApp, 'url'>, options: ConnectOptions = {}) {
  const socket = await connect(io, { url: host.url, headers: { 'x-member': 'ada' }, ...options });
  onTeardown(() => {
    socket.disconnect();
  });
  return socket;
}

/** The next event of an emitter. */
const next = (emitter: { bind(event: string, handler: (data: never) => void): unknown }, event: string) =>
  new Promise<unknown>((resolve) => emitter.bind(event, resolve));

test('connect(io) gives the same as connect(Pusher): members’ events, broadcasts and channels', async () => {
  const host = await startHost();
  const socket = await connected(host);
  expect(socket.provider).toBe('socket-io');
  const [mine, all] = [
    new Promise((resolve) => socket.onMember('TEST_TICKED', resolve)),
    new Promise((resolve) => socket.onBroadcast('TEST_TICKED', resolve)),
  ];
  const channel = socket.channel('private-orders.ada-7');
  await next(channel, 'pusher:subscription_succeeded');
  expect(socket.channel('private-orders.ada-7')).toBe(channel);
  const shipped = next(channel, 'SHIPPED');
  await host.client.relayToMember('ada', 'TEST_TICKED', { n: 1 });
  await host.client.broadcast('TEST_TICKED', { n: 2 });
  await host.client.relayToChannel('private-orders.ada-7', 'SHIPPED', { n: 3 });
  expect(await Promise.all([mine, all, shipped])).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
});

test('a handler that is taken away hears nothing more', async () => {
  const host = await startHost();
  const socket = await connected(host);
  const heard: unknown[] = [];
  const stop = socket.onMember('TEST_TICKED', (payload) => heard.push(payload));
  const told = async () => {
    const broadcast = new Promise((resolve) => socket.onBroadcast('TEST_TICKED', resolve));
    await host.client.broadcast('TEST_TICKED');
    await broadcast;
  };
  await host.client.relayToMember('ada', 'TEST_TICKED', 1);
  await told();
  stop();
  await host.client.relayToMember('ada', 'TEST_TICKED', 2);
  await told();
  expect(heard).toEqual([1]);
});

test('a presence channel has its members, and tells who comes and goes', async () => {
  const host = await startHost({ gateway: { presenceGraceMs: 1 } });
  const socket = await connected(host);
  const room = socket.channel('presence-room');
  await next(room, 'pusher:subscription_succeeded');
  expect(room.members.me).toEqual({ id: 'ada', info: { name: 'ADA' } });
  const added = next(room, 'pusher:member_added');
  const other = await pageOf(host.url, 'alan');
  await other.subscribe('presence-room');
  expect(await added).toEqual({ id: 'alan', info: { name: 'ALAN' } });
  expect([room.members.count, Object.keys(room.members.members).sort()]).toEqual([2, ['ada', 'alan']]);
  const removed = next(room, 'pusher:member_removed');
  await other.leave();
  expect(await removed).toEqual({ id: 'alan', info: { name: 'ALAN' } });
  expect(room.members.get('alan')).toBeNull();
});

test('a client event has its sender', async () => {
  const host = await startHost({ gateway: { clientEvents: true } });
  const socket = await connected(host);
  const room = socket.channel('presence-room');
  await next(room, 'pusher:subscription_succeeded');
  const other = await pageOf(host.url, 'alan');
  await other.subscribe('presence-room');
  const heard = new Promise((resolve) =>
    room.bind('client-said', (data: unknown, metadata) => {
      resolve([data, metadata]);
    }),
  );
  await other.ask('client-said', { text: 'hi' }, 'presence-room');
  expect(await heard).toEqual([{ text: 'hi' }, { user_id: 'alan' }]);
  expect(room.trigger('client-said', { text: 'hello' })).toBe(true);
  expect(await other.nextWhole()).toMatchObject({ payload: { text: 'hello' }, userId: 'ada' });
});

test('after a lost connection it is on its channels again, identified anew', async () => {
  let asked = 0;
  const host = await startHost();
  const headers = () => ({ 'x-member': asked++ === 0 ? 'ada' : 'renewed' });
  const socket = await connected(host, { headers });
  const channel = socket.channel('news');
  await next(channel, 'pusher:subscription_succeeded');
  const [again, states] = [next(channel, 'pusher:subscription_succeeded'), [] as string[]];
  socket.pusher.connection.bind('state_change', ({ current }: { current: string }) => states.push(current));
  socket.pusher.io.io.engine.close();
  await again;
  expect(states).toEqual(['connecting', 'connected']);
  expect(await host.client.onlineMembers(['renewed'])).toEqual(new Set(['renewed']));
  const heard = next(channel, 'PRINTED');
  await host.client.relayToChannel('news', 'PRINTED', 1);
  expect(await heard).toBe(1);
});

test('the page’s own connection can be left out, by the id that it has', async () => {
  const host = await startHost();
  const socket = await connected(host);
  const heard: unknown[] = [];
  socket.onBroadcast('TEST_TICKED', (payload) => heard.push(payload));
  const { socket_id: exceptSocketId } = socket.pusher.connection;
  await host.client.broadcast('TEST_TICKED', 1, { exceptSocketId });
  const last = next(socket.channel('broadcast'), 'LAST');
  await host.client.broadcast('LAST');
  await last;
  expect(heard).toEqual([]);
});

test('a guest is let in, and signs in on the same connection', async () => {
  const host = await startHost();
  const socket = await connected(host, { guest: true });
  expect(await host.client.onlineMembers(['ada'])).toEqual(new Set());
  const id = socket.pusher.connection.socket_id;
  await socket.signIn();
  expect(await host.client.onlineMembers(['ada'])).toEqual(new Set(['ada']));
  expect(socket.pusher.connection.socket_id).toBe(id);
  await expect(socket.signIn()).rejects.toMatchObject({ code: 'ALREADY_SIGNED_IN' });
});

test('a guest whose signin is refused stays a guest', async () => {
  const host = await startHost();
  const socket = await connected(host, { guest: true, headers: {} });
  await expect(socket.signIn()).rejects.toMatchObject({ code: 'SIGNIN_REFUSED' });
  const heard = new Promise((resolve) => socket.onBroadcast('TEST_TICKED', resolve));
  await host.client.broadcast('TEST_TICKED', 1);
  expect(await heard).toBe(1);
});

test('a refused member is an error that says why, and nothing is tried again', async () => {
  let asked = 0;
  const host = await startHost({
    identify: () => {
      asked++;
      return null;
    },
  });
  await expect(connected(host)).rejects.toMatchObject({
    code: 'SIGNIN_REFUSED',
    retryable: false,
    status: 403,
    message: expect.stringContaining('identify(request) returned null') as unknown,
  });
  expect(asked).toBe(1);
});

test('a failure that can pass is tried again', async () => {
  let asked = 0;
  const host = await startHost({
    identify: () => {
      if (asked++ === 0) throw new Error('the database is away');
      return { id: 'ada' };
    },
  });
  await connected(host);
  expect(asked).toBe(2);
});

test('a channel that is refused is told to its handlers', async () => {
  const host = await startHost();
  const socket = await connected(host);
  const refused = next(socket.channel('private-orders.alan-7'), 'pusher:subscription_error');
  expect(await refused).toEqual({
    type: 'AuthError',
    error: 'Channel "private-orders.alan-7" is not open to this member',
    status: 403,
  });
});

test('a member who is disconnected stays away, and the page is told', async () => {
  const host = await startHost();
  const socket = await connected(host);
  const over = next(socket.pusher.connection, 'disconnected');
  const error = next(socket.pusher.connection, 'error');
  await host.client.disconnectMember('ada');
  await over;
  expect(await error).toMatchObject({ data: { code: 4009 } });
});

test('io does not connect to a backend for pusher-js, and says so; with a gateway beside it, it does', async () => {
  const alone = await startHost({ provider: 'ws' });
  await expect(connected(alone)).rejects.toMatchObject({
    code: 'UNSUPPORTED_PROVIDER',
    message: 'The backend uses the provider "ws", which socket.io-client cannot connect to',
  });
  const both = await startHost({ provider: 'ws', gateways: ['socket-io'] });
  expect((await connected(both)).provider).toBe('socket-io');
});

test('a signal ends it', async () => {
  const host = await startHost();
  const end = new AbortController();
  const socket = await connected(host, { signal: end.signal });
  const over = next(socket.pusher.connection, 'disconnected');
  end.abort();
  await over;
  expect(socket.pusher.io.connected).toBe(false);
});

test('a backend that cannot be reached is said to be', async () => {
  const host = await startHost({
    gateway: { allowedOrigins: ['https://app.example.com'] },
    socketIo: { path: '/io' },
  });
  await host.close();
  await expect(connected(host, { timeoutMs: 200 })).rejects.toMatchObject({ code: 'BACKEND_UNREACHABLE' });
});
