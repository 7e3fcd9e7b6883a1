import 'reflect-metadata';
import { Controller, Get, Module, Param } from '@nestjs/common';
import { AuthorizeChannel, type ISocketClient, LivePosition, SocketService } from 'nestjs-switchboard';
import type { SwitchboardSocket } from 'nestjs-switchboard/browser';
import { EventQueue } from '../support/event-queue.js';
import { startHost } from '../support/hosts.js';
import { Line } from '../support/line.js';
import { type Pusher, subscribed } from '../support/pusher-browser.js';
import { SETTINGS } from '../support/settings.js';
import { onTeardown } from '../support/teardown.js';
import { usePage } from './support/page.js';
import { tableIn } from './support/table.js';

const page = usePage('docs/history.md');

const ORDER = 'private-orders.7';
/** The orders that are open to nobody. */
const closed = new Set<string>();
let status = 'paid';

@AuthorizeChannel('private-orders.{id}')
class OrderChannel {
  authorize(_member: unknown, { id }: { id: string }): boolean {
    return !closed.has(id);
  }
}

@Controller('orders')
class OrdersController {
  @Get(':id')
  @LivePosition('private-orders.{id}')
  find(@Param('id') id: string) {
    return { id, status };
  }
}

@Module({ controllers: [OrdersController], providers: [OrderChannel] })
class OrdersModule {}

interface Shown {
  readonly text: string;
}

const screen = new EventQueue<Shown>();
const show = (text: string) => {
  screen.push({ text });
};
const shown = async () => (await screen.next()).text;

/** `sessionStorage`, as a tab has it. */
const items = new Map<string, string>();
const tabStorage = {
  getItem: (key: string) => items.get(key) ?? null,
  setItem: (key: string, value: string) => void items.set(key, value),
  removeItem: (key: string) => void items.delete(key),
};

/** The backend of the page, whose pages reach it over a line that can be cut. */
async function start() {
  const host = await startHost(
    {
      provider: 'ws',
      identify: () => ({ id: 'ada' }),
      history: { channels: ['members', 'broadcast', 'private-orders.{id}'], channelEvents: 2 },
    },
    { imports: [OrdersModule] },
  );
  const line = await Line.open(Number(new URL(host.url).port));
  const backend = `http://127.0.0.1:${line.port}`;
  const reload = (channel: string) => {
    show(`reloads ${channel}`);
  };
  const showOrder = (order: { status: string }) => {
    show(`the order is ${order.status}`);
  };
  Object.assign(globalThis, { page: { backend, show, showOrder, reload, tabStorage } });
  // Untyped: the events of the page are declared nowhere.
  const service: SocketService = host.app.get(SocketService);
  const relays: Pick<ISocketClient, 'relayToMember' | 'relayToChannel'> = service as never;
  return { backend, line, service, relays };
}

afterAll(() => {
  Reflect.deleteProperty(globalThis, 'page');
});

type Socket = SwitchboardSocket<Pusher>;

test('the blocks of the page work together: nothing is missed, or the page is told', async () => {
  const { backend, line, service, relays } = await start();
  const pack = (to: string) =>
    relays.relayToChannel(ORDER, 'ORDER_PACKED', { id: '7', status: (status = to) });
  const { socket } = await page.run<{ socket: Socket }>('gaps.browser.ts');
  onTeardown(() => {
    socket.disconnect();
  });
  await page.run('marked.browser.ts');

  const { showLive, showAgain } =
    await page.run<Record<'showLive' | 'showAgain', () => Promise<void>>>('joined.browser.ts');
  // The page is between its request and its subscription.
  const showing = showLive();
  expect(await shown()).toBe('the order is paid');
  await pack('packed');
  await showing;
  expect(await shown()).toBe('the order is packed');
  expect(await shown()).toBe('While you were away: ORDER_PACKED');

  line.cut();
  await pack('wrapped');
  line.mend();
  expect(await shown()).toBe('the order is wrapped');
  expect(await shown()).toBe('While you were away: ORDER_PACKED');

  await showAgain();
  await subscribed(socket.channel(ORDER));
  expect(await shown()).toBe('the order is wrapped');
  await pack('weighed');
  expect(await shown()).toBe('the order is weighed');

  line.cut();
  for (const to of ['sealed', 'stamped', 'collected']) await pack(to);
  line.mend();
  expect(await shown()).toBe(`reloads ${ORDER}`);

  line.cut();
  closed.add('7');
  line.mend();
  expect(await shown()).toBe(`You do not get "${ORDER}" any more.`);
  socket.disconnect();

  // The tab has left here.
  items.set(
    `switchboard:${backend}/socket:#server-to-user-ada`,
    String(await service.livePosition({ member: 'ada' })),
  );
  await relays.relayToMember('ada', 'ORDER_SHIPPED');
  const stored = await page.run<{ socket: Socket }>('stored.browser.ts');
  onTeardown(() => {
    stored.socket.disconnect();
  });
  expect(await shown()).toBe('An order is on its way.');
});

test('the table of bounds has the variables with their defaults', () => {
  const defaults = new Map(SETTINGS.map(([, { variable, default: value }]) => [variable, Number(value)]));
  const rows = tableIn(page.text, 'setting').map(([name = '', value = '']) => [
    name,
    Number(value.replaceAll(',', '')),
  ]);
  expect(rows).toHaveLength(5);
  for (const [name, value] of rows) expect([name, defaults.get(String(name))]).toEqual([name, value]);
});
