import 'reflect-metadata';
import type { SocketService as Service } from 'nestjs-switchboard';
import { MemberSocket, SocketService } from 'nestjs-switchboard';
import { connect } from 'nestjs-switchboard/browser';
import type { Channel } from 'pusher-js';
import { EventQueue } from '../support/event-queue.js';
import { Pusher, subscribed } from '../support/pusher-browser.js';
import { SETTINGS } from '../support/settings.js';
import { type SocketApp, startSocketApp } from '../support/socket-app.js';
import { usePage } from './support/page.js';
import { tableIn } from './support/table.js';

const page = usePage('docs/handlers.md');
const screen = new EventQueue<{ text: string }>();
const shown = async () => (await screen.next()).text;

// A reader's own test file, run as ours.
await page.run('handlers.test.ts');

describe('the page', () => {
  let host: SocketApp;

  beforeAll(async () => {
    const handlers = [
      ...Object.values(await page.run('order.handlers.ts')),
      ...Object.values(await page.run('chat.handlers.ts')),
    ].filter((one) => one !== undefined && (one as { name: string }).name !== 'OrderOpened');
    const { OrdersRepository } = await page.run('orders.repository.ts');
    host = await startSocketApp({
      provider: 'ws',
      env: {},
      identify: ({ headers }) => ({ id: String(headers['x-member']) }),
      providers: [...handlers, OrdersRepository] as never[],
    });
  });
  afterAll(async () => {
    Pusher.instances.forEach((pusher) => {
      pusher.disconnect();
    });
    await host.close();
    Reflect.deleteProperty(globalThis, 'page');
  });

  const connected = (member: string) => connect(Pusher, { url: host.url, headers: { 'x-member': member } });

  test('asks, chats and answers with its blocks, against a running backend', async () => {
    const [ada, alan] = [await connected('ada'), await connected('alan')];
    const questions: string[] = [];
    const confirmed = (question: string) => {
      questions.push(question);
      return Promise.resolve(true);
    };
    const show = (text: string) => {
      screen.push({ text });
    };
    Object.assign(globalThis, { page: { socket: ada, show, confirmed } });

    const { opened, closed } = await page.run<{
      opened: (id: string) => Promise<void>;
      closed: (id: string) => void;
    }>('order.browser.ts');
    await opened('7');
    expect(await shown()).toBe('5 minutes');
    await opened('8');
    expect(await shown()).toBe('REFUSED: This is not your order');
    const refused = new Promise((resolve) => ada.pusher.connection.bind('error', resolve));
    closed('7');
    expect(await refused).toMatchObject({ data: { code: 4303 } });

    const { say, shout, room } = await page.run<{
      say: (text: string) => Promise<unknown>;
      shout: (text: string) => boolean;
      room: Channel;
    }>('chat.browser.ts');
    const hers = alan.channel('private-room-1');
    const heard = new EventQueue<object>();
    hers.bind('client-SAID', (payload: object) => {
      heard.push(payload);
    });
    await Promise.all([subscribed(room), subscribed(hers)]);
    expect(await say('hello')).toEqual({ lines: 1 });
    shout('hello');
    expect(await heard.next()).toEqual({ text: 'hello' });
    expect(await heard.next()).toEqual({ text: 'HELLO' });
    await alan.ask('SAID', { text: 'hi' }, { channel: 'private-room-1' });
    expect(await shown()).toBe('Somebody said: hi');

    const { isStillThere } = await page.run<{
      isStillThere: (service: Service, id: string) => Promise<boolean>;
    }>('still-there.ts');
    const service = host.app.get(SocketService);
    const { stop } = await page.run<{ stop: () => void }>('still-there.browser.ts');
    expect(await isStillThere(service, 'ada')).toBe(true);
    expect(questions).toEqual(['You have done nothing for 5 minutes. Are you still there?']);
    stop();
    expect(await isStillThere(service, 'ada')).toBe(false);
  });

  test('may ask with plain pusher-js, as the last sentence says', async () => {
    const { pusher } = await connected('ada');
    const answer = new Promise((resolve) => pusher.bind('switchboard:answer', resolve));
    pusher.send_event('switchboard:ask', { id: '1', event: 'ORDER_OPENED', payload: { orderId: '7' } });
    expect(await answer).toEqual({ id: '1', payload: { etaMinutes: 5 } });
  });
});

test('the table of limits has every limit of handlers, with its default', () => {
  const limits = SETTINGS.filter(([path]) => path.startsWith('handlers.') && path !== 'handlers.timeoutMs');
  const rows = tableIn(page.text, 'setting').map(([name, value]) => [name, value]);
  expect(rows.sort()).toEqual(
    limits.map(([, { variable, default: value }]) => [variable, String(value)]).sort(),
  );
});

test('the table of the socket has every part of it', () => {
  const named = tableIn(page.text, 'MemberSocket').flatMap(([cell = '']) =>
    cell.replace(/\(.*\)/, '').split(', '),
  );
  const parts = Object.getOwnPropertyNames(MemberSocket.prototype).filter((name) => name !== 'constructor');
  expect(named.sort()).toEqual([...parts, 'params'].sort());
});
