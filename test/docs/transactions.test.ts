import 'reflect-metadata';
import type { Type } from '@nestjs/common';
import { CqrsModule, EventBus, EventsHandler } from '@nestjs/cqrs';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { Test, type TestingModule } from '@nestjs/testing';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { logged } from '../support/hosts.js';
import { onTeardown } from '../support/teardown.js';
import type * as fixture from './fixtures/transactions/database.js';
import { usePage } from './support/page.js';

interface PlacesOrders {
  place(id: string, memberId: string): Promise<void>;
}

const page = usePage('docs/transactions.md');
/** Where other tests run, the one database takes its time to be made. */
const DATABASE_MS = 60_000;

const { Database, postgres } = await page.run<typeof fixture>('database.ts');
afterAll(() => postgres.close());

async function start(...providers: Type[]): Promise<{ app: TestingModule; fake: SocketFake }> {
  const app = await Test.createTestingModule({
    imports: [CqrsModule.forRoot(), EventEmitterModule.forRoot(), SocketTestingModule.forRoot({ env: {} })],
    providers,
  }).compile();
  app.useLogger(false);
  onTeardown(() => app.close());
  await app.init();
  return { app, fake: app.get(SocketFake) };
}

/** Places an order, and then the same again, which the database refuses. */
async function placeTwice(service: Type<PlacesOrders>, handlers: Type[] = []) {
  const { app, fake } = await start(Database, service, ...handlers);
  await app.get(service).place('7', 'ada');
  const relayed = fake.relayed;
  fake.forget();
  await expect(app.get(service).place('7', 'ada')).rejects.toThrow('Failed query');
  await fake.settled();
  return { relayed, relayedAfterwards: fake.relayed };
}

const PLACED = [{ kind: 'member', to: 'ada', event: 'ORDER_PLACED', payload: { id: '7' } }];

test(
  'the wrong order tells of an order before there is one for anybody else, and holds the transaction open',
  async () => {
    const { TooEarly } = await page.run<{ TooEarly: Type<PlacesOrders> }>('too-early.service.ts');
    const { app, fake } = await start(Database, TooEarly);
    fake.faults.failNext();
    // The provider's failure takes the order along.
    await expect(app.get(TooEarly).place('7', 'ada')).rejects.toThrow('the connection broke');
    await app.get(TooEarly).place('7', 'ada');
    expect(fake.relayed).toEqual(PLACED);
  },
  DATABASE_MS,
);

test(
  'the right order by hand tells of what is committed only',
  async () => {
    const { ByHand } = await page.run<{ ByHand: Type<PlacesOrders> }>('by-hand.service.ts');
    expect(await placeTwice(ByHand)).toEqual({ relayed: PLACED, relayedAfterwards: [] });
  },
  DATABASE_MS,
);

test(
  'afterCommit lets the handler of an event tell of what is committed only',
  async () => {
    const { Orders, TellTheMember } = await page.run<{ Orders: Type<PlacesOrders>; TellTheMember: Type }>(
      'orders.service.ts',
    );
    expect(await placeTwice(Orders, [TellTheMember])).toEqual({ relayed: PLACED, relayedAfterwards: [] });
  },
  DATABASE_MS,
);

test('errors of handlers of @nestjs/cqrs are counted', async () => {
  const { CountFailedHandlers } = await page.run<{ CountFailedHandlers: Type }>('count-failed-handlers.ts');
  const { counted } = await page.run<{ counted: unknown[] }>('metrics.ts');
  class Happened {
    readonly what = 'something';
  }
  class Fails {
    handle(): void {
      throw new Error('a bug');
    }
  }
  EventsHandler(Happened)(Fails);
  logged('error');
  const { app, fake } = await start(CountFailedHandlers, Fails);
  app.get(EventBus).publish(new Happened());
  await fake.settled();
  expect(counted.splice(0)).toEqual([['handler.failed', { event: 'Happened', error: 'Error: a bug' }]]);
});

test('an error of an audited handler of @nestjs/event-emitter reaches the caller that raised the event', async () => {
  const { AuditedOrders, TellTheAuditors } = await page.run<{
    AuditedOrders: Type<{ placed(channel: string, id: string): Promise<void> }>;
    TellTheAuditors: Type;
  }>('audited-orders.service.ts');
  const { counted } = await page.run<{ counted: unknown[] }>('metrics.ts');
  const { app, fake } = await start(AuditedOrders, TellTheAuditors);
  await app.get(AuditedOrders).placed('private-audit', '7');
  expect(fake.relayed).toEqual([
    { kind: 'channel', to: 'private-audit', event: 'ORDER_PLACED', payload: { id: '7' } },
  ]);
  await app.get(AuditedOrders).placed('no such channel', '8');
  expect(counted.splice(0)).toEqual([
    [
      'handler.failed',
      { event: 'order.placed', error: expect.stringContaining('Invalid channel name') as string },
    ],
  ]);
});
