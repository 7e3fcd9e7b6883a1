import { AuthorizeChannel, type ChannelAuthorizer, type Identity, SocketService } from 'nestjs-switchboard';
import { EventQueue } from '../support/event-queue.js';
import { type Host, startHost } from '../support/hosts.js';
import { subscribed } from '../support/pusher-browser.js';
import { connected, watchSockets } from './backends.js';

@AuthorizeChannel('private-diary.{owner}')
class DiaryChannel implements ChannelAuthorizer<{ owner: string }> {
  authorize(member: Identity, { owner }: { owner: string }): boolean {
    return member.id === owner;
  }
}

const ALICE = { 'x-member': 'alice' };
const serviceOf = ({ app }: Host) => app.get(SocketService);

describe('connect', () => {
  test('resolves once the member is signed in and hears broadcasts', async () => {
    const host = await startHost({ provider: 'ws' });
    const socket = await connected({ url: host.url, headers: ALICE });
    const heard = new EventQueue<object>();
    socket.onMember('MEMBER_MESSAGED', (payload) => {
      heard.push({ member: payload });
    });
    socket.onBroadcast('ANNOUNCED', (payload) => {
      heard.push({ broadcast: payload });
    });
    await serviceOf(host).relayToMember('alice', 'MEMBER_MESSAGED', { from: 'bob', text: 'hi' });
    await serviceOf(host).broadcast('ANNOUNCED', { message: 'all' });
    expect(await heard.next()).toEqual({ member: { from: 'bob', text: 'hi' } });
    expect(await heard.next()).toEqual({ broadcast: { message: 'all' } });
    expect(socket.provider).toBe('ws');
    expect(socket.pusher.connection.state).toBe('connected');
    expect(await serviceOf(host).onlineMembers(['alice'])).toEqual(new Set(['alice']));
  });

  test.each([
    ['a slash at the end of the address', {}, (url: string) => ({ url: `${url}/` })],
    ['another path', { path: 'live/v1' }, (url: string) => ({ url, path: '/live/v1' })],
    ['a path of the gateway', { gatewayPath: '/ws' }, (url: string) => ({ url })],
    ['a private broadcast channel', { broadcastChannel: 'private-all' }, (url: string) => ({ url })],
  ])('copes with %s', async (_, options, where) => {
    const host = await startHost({ provider: 'ws', ...options });
    const socket = await connected({ ...where(host.url), headers: ALICE });
    const heard = new EventQueue<object>();
    socket.onBroadcast('ANNOUNCED', (payload) => {
      heard.push(payload);
    });
    await serviceOf(host).broadcast('ANNOUNCED', { message: 'all' });
    expect(await heard.next()).toEqual({ message: 'all' });
  });

  test('copes with a global prefix', async () => {
    const host = await startHost({ provider: 'ws' }, { prepare: (app) => void app.setGlobalPrefix('api') });
    const socket = await connected({ url: host.url, path: '/api/socket', headers: ALICE });
    expect(socket.pusher.connection.state).toBe('connected');
  });

  test('asks a function for the headers before every request', async () => {
    const tokens: unknown[] = [];
    const host = await startHost(
      {
        provider: 'ws',
        broadcastChannel: 'private-all',
        identify: ({ headers }) => {
          tokens.push(headers.authorization);
          return { id: 'alice' };
        },
      },
      { providers: [DiaryChannel] },
    );
    let renewals = 0;
    const headers = () => ({ Authorization: `Bearer ${++renewals}` });
    const socket = await connected({ url: host.url, headers });
    // The configuration was asked for with the first; then the signin and the private broadcast channel, in any order.
    expect(tokens.sort()).toEqual(['Bearer 2', 'Bearer 3']);
    await subscribed(socket.channel('private-diary.alice'));
    expect(tokens).toEqual(['Bearer 2', 'Bearer 3', 'Bearer 4']);
  });
});

describe('a handler', () => {
  test('hears nothing more once it is unbound, while the others still do', async () => {
    const host = await startHost({ provider: 'ws' });
    const socket = await connected({ url: host.url, headers: ALICE });
    const heard = new EventQueue<object>();
    const listen = (by: string) => (payload: object) => {
      heard.push({ by, ...payload });
    };
    const unbindMember = socket.onMember('MEMBER_MESSAGED', listen('first'));
    socket.onMember('MEMBER_MESSAGED', listen('second'));
    const unbindBroadcast = socket.onBroadcast('ANNOUNCED', listen('first'));
    socket.onBroadcast('ANNOUNCED', listen('second'));
    unbindMember();
    unbindBroadcast();
    await serviceOf(host).relayToMember('alice', 'MEMBER_MESSAGED', { from: 'bob', text: 'hi' });
    await serviceOf(host).broadcast('ANNOUNCED', { message: 'all' });
    expect(await heard.next()).toEqual({ by: 'second', from: 'bob', text: 'hi' });
    expect(await heard.next()).toEqual({ by: 'second', message: 'all' });
  });

  test('of a member does not hear a broadcast, nor the other way round', async () => {
    const host = await startHost({ provider: 'ws' });
    const socket = await connected({ url: host.url, headers: ALICE });
    const heard = new EventQueue<object>();
    socket.onMember('ANNOUNCED', ({ message }) => {
      heard.push({ member: message });
    });
    socket.onBroadcast('ANNOUNCED', ({ message }) => {
      heard.push({ broadcast: message });
    });
    await serviceOf(host).broadcast('ANNOUNCED', { message: 'one' });
    await serviceOf(host).relayToMember('alice', 'ANNOUNCED', { message: 'two' });
    expect(await heard.next()).toEqual({ broadcast: 'one' });
    expect(await heard.next()).toEqual({ member: 'two' });
  });
});

describe('channel', () => {
  test('subscribes with the same headers, and hands back the subscription there is', async () => {
    const host = await startHost({ provider: 'ws' }, { providers: [DiaryChannel] });
    const socket = await connected({ url: host.url, headers: ALICE });
    const diary = socket.channel('private-diary.alice');
    await subscribed(diary);
    expect(socket.channel('private-diary.alice')).toBe(diary);
    await expect(subscribed(socket.channel('private-diary.bob'))).rejects.toThrow('403');
  });
});

describe('disconnect', () => {
  test('ends the connection for good', async () => {
    const host = await startHost({ provider: 'ws' });
    const allClosed = watchSockets(host);
    const socket = await connected({ url: host.url, headers: ALICE });
    socket.disconnect();
    await allClosed();
    expect(socket.pusher.connection.state).toBe('disconnected');
    expect(await serviceOf(host).health()).toMatchObject({ status: 'up', connections: 0 });
  });
});
