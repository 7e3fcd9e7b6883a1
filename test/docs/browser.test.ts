import 'reflect-metadata';
import { AuthorizeChannel } from 'nestjs-switchboard';
import { connect, type SwitchboardSocket } from 'nestjs-switchboard/browser';
import type { Channel } from 'pusher-js';
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

/** Ends the connection below `pusher-js`, as a broken line does. */
function dropConnectionOf(pusher: Pusher): void {
  const { connection } = pusher.connection as unknown as { connection: { close(): void } };
  connection.close();
}
