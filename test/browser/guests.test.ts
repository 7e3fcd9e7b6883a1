import { AuthorizeChannel, SocketService } from 'nestjs-switchboard';
import { ConnectError } from 'nestjs-switchboard/browser';
import { EventQueue } from '../support/event-queue.js';
import { rejection, startHost } from '../support/hosts.js';
import { type Pusher, subscribed } from '../support/pusher-browser.js';
import { connected, dropConnectionOf, frontOf, nextSignin } from './backends.js';

@AuthorizeChannel('private-{any}')
class AnyMember {
  authorize(): boolean {
    return true;
  }
}

/** A guest, and a way to log in and out at the application. */
async function startGuest() {
  const host = await startHost({ provider: 'ws' }, { providers: [AnyMember] });
  const asked: string[] = [];
  const url = await frontOf(host, ({ url: path = '' }) => {
    asked.push(path);
    return false;
  });
  const session = { member: '' };
  const headers = (): Record<string, string> => (session.member === '' ? {} : { 'x-member': session.member });
  const socket = await connected({ url, headers, guest: true });
  const heard = new EventQueue<object>();
  socket.onMember('ANNOUNCED', ({ message }) => {
    heard.push({ member: message });
  });
  socket.onBroadcast('ANNOUNCED', ({ message }) => {
    heard.push({ broadcast: message });
  });
  return { host, service: host.app.get(SocketService), asked, session, socket, heard };
}

test('a guest connects without asking for a signin, and hears broadcasts and public channels', async () => {
  const { asked, service, socket, heard } = await startGuest();
  const news = socket.channel('news');
  news.bind('ANNOUNCED', ({ message }: { message: string }) => {
    heard.push({ news: message });
  });
  await subscribed(news);
  await service.broadcast('ANNOUNCED', { message: 'hello' });
  expect(await heard.next()).toEqual({ broadcast: 'hello' });
  await service.relayToChannel('news', 'ANNOUNCED', { message: 'news' });
  expect(await heard.next()).toEqual({ news: 'news' });
  expect(asked).toEqual(['/socket/config']);
  await expect(subscribed(socket.channel('private-room'))).rejects.toThrow('403');
});

test('a guest signs in later on the same connection, once, and hears what was bound before', async () => {
  const { asked, service, session, socket, heard } = await startGuest();
  const socketId = socket.pusher.connection.socket_id;
  session.member = 'alice';
  await Promise.all([socket.signIn(), socket.signIn()]);
  expect(asked.filter((path) => path === '/socket/user-auth')).toHaveLength(1);
  expect(socket.pusher.connection.socket_id).toBe(socketId);
  await service.relayToMember('alice', 'ANNOUNCED', { message: 'hi' });
  expect(await heard.next()).toEqual({ member: 'hi' });
  await subscribed(socket.channel('private-room'));
});

test('a guest whose signin is refused stays a guest, also after a reconnect, and can sign in later', async () => {
  const { asked, service, session, socket, heard } = await startGuest();
  const error = await rejection(socket.signIn());
  expect(error).toBeInstanceOf(ConnectError);
  expect(error).toMatchObject({ code: 'SIGNIN_REFUSED', status: 403 });
  await reconnected(socket.pusher);
  await subscribed(socket.channel('broadcast'));
  await service.broadcast('ANNOUNCED', { message: 'hello' });
  expect(await heard.next()).toEqual({ broadcast: 'hello' });
  expect(asked.filter((path) => path === '/socket/user-auth')).toHaveLength(1);
  session.member = 'alice';
  await socket.signIn();
  expect(await service.onlineMembers(['alice'])).toEqual(new Set(['alice']));
});

test('a guest who has signed in is signed in again after a reconnect', async () => {
  const { service, session, socket } = await startGuest();
  session.member = 'alice';
  await socket.signIn();
  const signedIn = nextSignin(socket.pusher);
  await reconnected(socket.pusher);
  await signedIn;
  expect(await service.onlineMembers(['alice'])).toEqual(new Set(['alice']));
});

test('a connection has one member: to sign in as another one is refused, with the remedy', async () => {
  const { session, socket } = await startGuest();
  session.member = 'alice';
  await socket.signIn();
  session.member = 'bob';
  const error = await rejection(socket.signIn());
  expect(error).toMatchObject({ code: 'ALREADY_SIGNED_IN' });
  expect((error as Error).message).toContain('disconnect()');
  expect(socket.pusher.user.user_data).toMatchObject({ id: 'alice' });
});

test('a visitor with an expired token becomes no guest; the page is told, and signs in with another token', async () => {
  const host = await startHost({ provider: 'ws' });
  const session = { member: 'alice' };
  const headers = (): Record<string, string> => (session.member === '' ? {} : { 'x-member': session.member });
  const socket = await connected({ url: host.url, headers });
  const refusals = new EventQueue<object>();
  socket.pusher.user.bind('pusher:signin_error', (refusal: object) => {
    refusals.push(refusal);
  });
  session.member = '';
  await reconnected(socket.pusher);
  expect(await refusals.next()).toMatchObject({ status: 403, cause: { code: 'SIGNIN_REFUSED' } });
  session.member = 'alice';
  await socket.signIn();
  expect(await host.app.get(SocketService).onlineMembers(['alice'])).toEqual(new Set(['alice']));
});

/** Drops the connection, and waits for the next. */
async function reconnected(pusher: Pusher): Promise<void> {
  const again = new Promise((resolve) => pusher.connection.bind('connected', resolve));
  dropConnectionOf(pusher);
  await again;
}
