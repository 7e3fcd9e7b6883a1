import 'reflect-metadata';
import type { Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { AuthorizeChannel, type Receipt, type SocketModuleOptions, SocketService } from 'nestjs-switchboard';
import { type Relayed, SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import type { OrdersRepository } from './fixtures/relay/orders.repository.js';
import { usePage } from './support/page.js';

const page = usePage('docs/relay.md');
let app: TestingModule;

async function start(options: SocketModuleOptions = {}, providers: Type[] = []): Promise<SocketFake> {
  app = await Test.createTestingModule({
    imports: [SocketTestingModule.forRoot({ env: {}, ...options })],
    providers,
  }).compile();
  app.useLogger(false);
  await app.init();
  return app.get(SocketFake);
}
afterEach(() => app.close());

test('every call does what its comment says', async () => {
  await page.run('events.ts');
  const { everyCall } = await page.run<{ everyCall: (service: SocketService) => Promise<void> }>(
    'every-call.ts',
  );
  const fake = await start();
  const ada = await fake.connect('ada');
  await everyCall(app.get(SocketService));
  expect(ada.received.map(({ event }) => event)).toEqual([
    'ORDER_SHIPPED',
    'CART_EMPTIED',
    'STOCK_CHANGED',
    'STOCK_CHANGED',
    'CART_EMPTIED',
  ]);
  expect(ada).toBeDisconnected();
  expectRelayed(fake, { to: 'alan', event: 'STOCK_CHANGED', payload: { sku: 'hat', left: 3 } });
  expectRelayed(fake, { kind: 'channel', to: 'private-orders.7', event: 'ORDER_SHIPPED' });
  expectRelayed(fake, { to: 'ada', event: 'CART_EMPTIED', exceptSocketId: '123.456' });
});

test('a relay that is made twice with one key reaches nobody again', async () => {
  await page.run('events.ts');
  type Shipped = (service: SocketService, orderId: string) => Promise<Receipt>;
  const { shipped } = await page.run<{ shipped: Shipped }>('shipped.ts');
  const fake = await start();
  const ada = await fake.connect('ada');
  const receipts = [];
  for (const orderId of ['7', '7', '8']) receipts.push(await shipped(app.get(SocketService), orderId));
  expect(receipts[1]).toEqual(receipts[0]);
  expect(ada.received.map(({ payload }) => payload)).toEqual([
    { orderId: '7', carrier: 'by bike' },
    { orderId: '8', carrier: 'by bike' },
  ]);
});

test('the header of a browser goes straight to the relay, and cannot fail the request', async () => {
  type Carts = { empty(exceptSocketId?: string): Promise<void> };
  const { CartsController } = await page.run<{ CartsController: Type<Carts> }>('carts.controller.ts');
  const fake = await start({}, [CartsController]);
  const ada = await fake.connect('ada');
  const carts = app.get(CartsController);
  await carts.empty(ada.socketId);
  expect(ada.received).toEqual([]);
  for (const header of [undefined, '', 'undefined', 'a stranger chose this']) {
    await carts.empty(header);
    expect(ada.received.splice(0)).toMatchObject([{ event: 'CART_EMPTIED' }]);
  }
});

test('the reminder comes a quarter of an hour later', async () => {
  const { remind } = await page.run<{ remind: (service: SocketService, to: string) => Promise<void> }>(
    'remind.ts',
  );
  const fake = await start();
  await remind(app.get(SocketService), 'ada');
  fake.advance(15 * 60_000 - 1);
  await fake.settled();
  fake.assertNothingRelayed('ada');
  fake.advance(1);
  await fake.settled();
  expectRelayed(fake, { to: 'ada', event: 'CART_EMPTIED' });
});

test('the service saves, and then relays', async () => {
  const { OrdersService } = await page.run<{
    OrdersService: Type<{ ship(id: string, carrier: string): Promise<void> }>;
  }>('orders.service.ts');
  const { OrdersRepository: Orders } = await page.run<{ OrdersRepository: Type<OrdersRepository> }>(
    'orders.repository.ts',
  );
  const fake = await start({}, [Orders, OrdersService]);
  fake.faults.failNext();
  await expect(app.get(OrdersService).ship('7', 'by bike')).rejects.toThrow('the connection broke');
  expect(app.get(Orders).shipped).toEqual(['7']);
  await app.get(OrdersService).ship('8', 'by bike');
  expectRelayed(fake, { to: 'ada', event: 'ORDER_SHIPPED', payload: { orderId: '8', carrier: 'by bike' } });
});

test('a receipt says whether it was sent, and whether a retry could help', async () => {
  const { notify } = await page.run<{ notify: (service: SocketService, id: string) => Promise<string> }>(
    'notify.ts',
  );
  const fake = await start({ failure: 'report' });
  const service = app.get(SocketService);
  expect(await notify(service, 'ada')).toMatch(/^[\w-]+ was sent$/);
  fake.faults.failNext();
  expect(await notify(service, 'ada')).toMatch(/ was lost, try again later$/);
  fake.faults.rejectNext();
  expect(await notify(service, 'ada')).toMatch(/ was lost$/);
});

test('onRelayError is told about every loss, while the call resolves', async () => {
  const { AppModule } = await page.run<{ AppModule: Type }>('app.module.ts');
  const { counted } = await page.run<{ counted: unknown[] }>('metrics.ts');
  app = await Test.createTestingModule({ imports: [AppModule, SocketTestingModule] }).compile();
  app.useLogger(false);
  await app.init();
  app.get(SocketFake).faults.goDown();
  const service = app.get(SocketService);
  const relay = await service.broadcast('ANNOUNCED', { message: 'unheard' });
  const disconnect = await service.disconnectMember('ada');
  const code = 'PROVIDER_UNAVAILABLE';
  expect(counted).toEqual([
    ['relay.lost', { id: relay.id, event: 'ANNOUNCED', code, lost: ['broadcast'] }],
    ['relay.lost', { id: disconnect.id, event: 'disconnect', code, lost: ['ada'] }],
  ]);
});

test('the ids of those who are in a room are asked for', async () => {
  type IdsIn = (service: SocketService, room: string) => Promise<readonly string[]>;
  const { idsIn } = await page.run<{ idsIn: IdsIn }>('room-members.ts');

  @AuthorizeChannel('presence-rooms.{room}')
  class RoomChannel {
    authorize(): boolean {
      return true;
    }
  }
  const fake = await start({ failure: 'report' }, [RoomChannel]);
  for (const id of ['ada', 'alan']) await (await fake.connect(id)).subscribe(`presence-rooms.${id}`);
  expect(await idsIn(app.get(SocketService), 'ada')).toEqual(['ada']);
  fake.faults.goDown();
  expect(await idsIn(app.get(SocketService), 'ada')).toEqual([]);
});

test('a member is taken out of a room, and is in no other way affected', async () => {
  type TakeOut = (service: SocketService, room: string, memberId: string) => Promise<void>;
  const { takeOut } = await page.run<{ takeOut: TakeOut }>('leave-room.ts');

  @AuthorizeChannel('presence-rooms.{room}')
  class RoomChannel {
    authorize(): boolean {
      return true;
    }
  }
  const fake = await start({ failure: 'report' }, [RoomChannel]);
  const ada = await fake.connect('ada');
  for (const room of ['blue', 'red']) await ada.subscribe(`presence-rooms.${room}`);
  const service = app.get(SocketService);
  await takeOut(service, 'blue', 'ada');
  expect(await service.channelMembers('presence-rooms.blue')).toEqual([]);
  expect(await service.channelMembers('presence-rooms.red')).toMatchObject([{ id: 'ada' }]);
  await service.relayToMember('ada', 'ANNOUNCED', { message: 'hi' });
  expect(ada.received.at(-1)).toMatchObject({ event: 'ANNOUNCED', payload: { message: 'hi' } });
});

test('the status says who is online, what was sent and how the provider is doing', async () => {
  const { status } = await page.run<{ status: (service: SocketService) => Promise<object> }>('status.ts');
  const fake = await start({ failure: 'report' });
  await fake.connect('ada');
  await app.get(SocketService).disconnectMember('grace');
  expect(await status(app.get(SocketService))).toEqual({
    provider: 'memory',
    online: ['ada'],
    relays: { sent: 1, failed: 0, queued: 0, retried: 0 },
    health: { status: 'up', connections: 1 },
  });
  fake.faults.goDown();
  expect(await status(app.get(SocketService))).toMatchObject({
    online: 'unknown',
    health: { status: 'down' },
  });
});

test.each([
  ['ada@example.com', true],
  ['a3bb189e-8bf9-3888-9912-ace4e6543002', true],
  ['auth0|5f7c', true],
  ['a'.repeat(255), true],
  ['a'.repeat(256), false],
  ['', false],
])('whether "%s" is fit for a member id is as the page says: %s', async (id, isFit) => {
  await start();
  const call = app.get(SocketService).disconnectMember(id);
  await (isFit
    ? expect(call).resolves.toMatchObject({ status: 'sent' })
    : expect(call).rejects.toMatchObject({ code: 'INVALID_MEMBER_ID' }));
});

/** The fake's own assertions take the events of this program, and the page declares others. */
function expectRelayed(fake: SocketFake, relayed: Partial<Relayed>): void {
  expect(fake.relayed).toContainEqual(expect.objectContaining(relayed));
}
