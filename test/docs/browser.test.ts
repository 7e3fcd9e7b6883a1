import 'reflect-metadata';
import { AuthorizeChannel } from 'nestjs-switchboard';
import { connect, type SwitchboardSocket } from 'nestjs-switchboard/browser';
import type { Channel } from 'pusher-js';
import { dropConnectionOf } from '../browser/backends.js';
import { EventQueue } from '../support/event-queue.js';
import { Pusher, subscribed } from '../support/pusher-browser.js';
import { type SocketApp, startSocketApp } from '../support/socket-app.js';
import { usePage } from './support/page.js';

@AuthorizeChannel('presence-room')
class RoomChannel {
  authorize(): boolean {
    return true;
  }
}

const page = usePage('docs/browser.md');
/** The page's fixture: the backend, a token that is never twice the same, and a place to show events. */
const state = {
  backend: '',
  tokens: 0,
  token: () => `ada.${String(++state.tokens)}`,
  show: (text: string) => {
    screen.push({ text });
  },
  reload: () => {
    screen.push({ text: '(reloaded)' });
  },
};
const screen = new EventQueue<{ text: string }>();
let host: SocketApp;

beforeAll(async () => {
  host = await startSocketApp({
    provider: 'ws',
    gateway: { clientEvents: true },
    providers: [RoomChannel],
    identify: ({ headers }) => {
      const id = /^Bearer (\w+)\.\d+$/.exec(headers.authorization ?? '')?.[1];
      return id === undefined ? null : { id, watchlist: id === 'ada' ? ['alan'] : [] };
    },
  });
  state.backend = host.url;
  Object.assign(globalThis, { page: state });
});
afterAll(async () => {
  Pusher.instances.forEach((pusher) => {
    pusher.disconnect();
  });
  await host.close();
  Reflect.deleteProperty(globalThis, 'page');
});

/** The next text that the page shows. */
async function shown(): Promise<string> {
  return (await screen.next()).text;
}

test('the blocks of the page work together against a running backend', async () => {
  await page.run('events.ts');
  const { socket } = await page.run<{ socket: SwitchboardSocket<Pusher> }>('browser.ts');
  await host.client.relayToMember('ada', 'ORDER_SHIPPED', { orderId: '7' });
  expect(await shown()).toBe('Order 7 is on its way.');
  await host.client.broadcast('ANNOUNCED', { message: 'Hello, everybody' });
  expect(await shown()).toBe('Hello, everybody');

  await page.run('room.browser.ts');
  expect(await shown()).toBe('1 in the room');

  await page.run('friends.browser.ts');
  const alan = await connect(Pusher, { url: host.url, headers: { Authorization: 'Bearer alan.1' } });
  expect(await shown()).toBe('alan came online');

  const { pusher, broadcasts } = await page.run<{ pusher: Pusher; broadcasts: Channel }>('plain.browser.ts');
  const online = new Promise((resolve) => pusher.user.watchlist.bind('online', resolve));
  await subscribed(broadcasts);
  expect(await online).toEqual({ name: 'online', user_ids: ['alan'] });
  alan.disconnect();
  expect(await shown()).toBe('alan went offline');
  const room = pusher.subscribe('presence-room');
  await subscribed(room);
  room.trigger('client-typing', {});
  expect(await shown()).toBe('ada is typing');
  const exceptSocketId = socket.pusher.connection.socket_id;
  await host.client.relayToMember('ada', 'ORDER_SHIPPED', { orderId: '8' }, { exceptSocketId });
  expect(await shown()).toBe('Order 8 is on its way.');
  await host.client.broadcast('ANNOUNCED', { message: 'Again' }, { exceptSocketId });
  expect(await shown()).toBe('Again');
  pusher.disconnect();

  await page.run('reconnect.browser.ts');
  const tokens = state.tokens;
  dropConnectionOf(socket.pusher);
  expect(await shown()).toBe('(reloaded)');
  // The signin and the subscription are two requests.
  expect([await shown(), await shown()].sort()).toEqual(['1 in the room', 'alan went offline']);
  expect(state.tokens).toBeGreaterThan(tokens);

  await host.client.disconnectMember('ada');
  expect(await shown()).toBe('You were disconnected.');
});

test('a guest signs in after the login', async () => {
  const { socket, afterLogin } = await page.run<{
    socket: SwitchboardSocket<Pusher>;
    afterLogin: (token: string) => Promise<void>;
  }>('guest.browser.ts');
  await host.client.broadcast('ANNOUNCED', { message: 'Welcome' });
  expect(await shown()).toBe('For everybody: Welcome');
  await afterLogin('grace.1');
  await host.client.relayToMember('grace', 'ORDER_SHIPPED', { orderId: '9' });
  expect(await shown()).toBe('Your order 9 is on its way.');
  socket.disconnect();
});

test('a page that waits without a limit hears when there is something, and ends when it is told to', async () => {
  const { liveUpdates } = await page.run<{ liveUpdates: () => () => void }>('patient.browser.ts');
  const end = liveUpdates();
  expect(await shown()).toBe('There are live updates now.');
  await host.client.broadcast('ANNOUNCED', { message: 'Now' });
  expect(await shown()).toBe('Live: Now');
  end();
  expect(Pusher.instances.at(-1)?.connection.state).toBe('disconnected');
});

test('a refusal is told with its reason, and an error has a sentence for users', async () => {
  const browser = await page.run<{ socket: SwitchboardSocket<Pusher> }>('browser.ts');
  if (browser.socket.pusher.connection.state === 'disconnected') browser.socket.pusher.connect();
  const { sentenceFor } = await page.run<{ sentenceFor: (error: unknown) => string }>('errors.browser.ts');
  // The other blocks show that the page is connected again.
  while ((await shown()) !== 'This channel is closed to you.');
  const refused = connect(Pusher, { url: host.url });
  expect(await refused.catch(sentenceFor)).toBe('Please log in again.');
});
