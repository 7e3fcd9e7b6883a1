import 'reflect-metadata';
import { Module, type Type } from '@nestjs/common';
import { SocketService } from 'nestjs-switchboard';
import { form } from '../support/auth-requests.js';
import { FRAMEWORKS, startFake, startHost } from '../support/hosts.js';
import type * as fixture from './fixtures/history-backend/database.js';
import { usePage } from './support/page.js';

const page = usePage('docs/history-backend.md');
/** Where other tests run, the one database takes its time to be made. */
const DATABASE_MS = 60_000;

const { Database, orders, postgres } = await page.run<typeof fixture>('database.ts');
afterAll(() => postgres.close());

// A reader's own test file, run as ours.
await page.run('reconnect.test.ts');

const history = { channels: ['members', 'public-orders', 'private-orders.{id}'] };

test('the events that a member was told are paged backwards, the newest first', async () => {
  interface Told {
    page(
      memberId: string,
      before?: string,
    ): Promise<{ events: readonly { payload: unknown }[]; next?: string }>;
  }
  const { Told } = await page.run<{ Told: Type<Told> }>('told.service.ts');
  const { app, service } = await startFake({ history }, { providers: [Told] });
  for (let n = 1; n <= 25; n++)
    await service.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'support', text: String(n) });
  const first = await app.get(Told).page('ada');
  const second = await app.get(Told).page('ada', first.next);
  const texts = [...first.events, ...second.events].map(({ payload }) =>
    Number((payload as { text: string }).text),
  );
  expect(texts).toEqual(Array.from({ length: 25 }, (_, n) => 25 - n));
  expect(first.events).toHaveLength(20);
  expect((await app.get(Told).page('ada', second.next)).events).toEqual([]);
});

test.each(Object.entries(FRAMEWORKS))(
  'over %s an order comes with the position from which a page misses nothing',
  async (_name, httpAdapter) => {
    const { OrdersController } = await page.run<{ OrdersController: Type }>('orders.controller.ts');
    const { OrderChannel } = await page.run<{ OrderChannel: Type }>('app.module.ts');
    const { OrdersService } = await page.run<{ OrdersService: Type }>('orders.service.ts');

    @Module({ controllers: [OrdersController], providers: [Database, OrdersService, OrderChannel] })
    class OrdersModule {}
    const { app, url } = await startHost(
      { provider: 'ws', history },
      { imports: [OrdersModule], httpAdapter },
    );
    await app.get(Database).orm.insert(orders).values({ id: '7', memberId: 'ada' });

    const answer = await fetch(`${url}/orders/7`);
    expect(await answer.json()).toEqual({ id: '7', memberId: 'ada' });
    const position = answer.headers.get('socket-position') ?? '';
    expect(answer.headers.get('access-control-expose-headers')).toBe('Socket-Position');
    await app.get(SocketService).relayToChannel('private-orders.7', 'ORDER_PACKED' as never, {} as never);
    const fields = { channel_name: 'private-orders.7', position };
    const [status, body] = await form(`${url}/socket/history`, fields, { 'x-member': 'ada' });
    expect([status, body['events']]).toMatchObject([200, [{ event: 'ORDER_PACKED' }]]);
    expect((await fetch(`${url}/orders/8`)).headers.get('socket-position')).toBeNull();
  },
  DATABASE_MS,
);
