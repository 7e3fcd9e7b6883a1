import { PGlite } from '@electric-sql/pglite';
import { Injectable } from '@nestjs/common';
import { CqrsModule, EventBus, EventsHandler } from '@nestjs/cqrs';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import { sql } from 'drizzle-orm';
import { drizzle, type PgliteDatabase } from 'drizzle-orm/pglite';
import { SocketService } from 'nestjs-switchboard';
import { startHost } from '../support/hosts.js';
import { openBrowser } from '../support/pusher-browser.js';
import { onTeardown } from '../support/teardown.js';

// A real PostgreSQL, through an ORM, and a real pusher-js on the gateway: what the browser hears is what the table has.

/** PGlite creates a whole database cluster, which takes its time where other tests run. */
const DATABASE_MS = 60_000;

let postgres: PGlite;
let database: PgliteDatabase;

beforeAll(async () => {
  postgres = new PGlite();
  database = drizzle(postgres);
  // A member is checked to exist when the transaction commits, and not before.
  await database.execute(sql`CREATE TABLE members (id text PRIMARY KEY)`);
  await database.execute(sql`CREATE TABLE orders (
    id text PRIMARY KEY,
    member_id text REFERENCES members DEFERRABLE INITIALLY DEFERRED
  )`);
}, DATABASE_MS);
afterAll(() => postgres.close());
beforeEach(async () => {
  await database.execute(sql`TRUNCATE orders, members`);
  await database.execute(sql`INSERT INTO members VALUES ('ada')`);
});

type Transaction = Parameters<Parameters<PgliteDatabase['transaction']>[0]>[0];

class OrderPlaced {
  constructor(readonly text: string) {}
}

@EventsHandler(OrderPlaced)
class TellByCqrs {
  constructor(private readonly socketService: SocketService) {}

  async handle({ text }: OrderPlaced): Promise<void> {
    await this.socketService.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'cqrs', text });
  }
}

@Injectable()
class TellByEmitter {
  constructor(private readonly socketService: SocketService) {}

  @OnEvent('order.placed')
  async handle({ text }: OrderPlaced): Promise<void> {
    await this.socketService.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'emitter', text });
  }
}

/** An application whose member is connected. */
async function start() {
  const { app, url } = await startHost(
    { provider: 'ws' },
    {
      imports: [CqrsModule.forRoot(), EventEmitterModule.forRoot()],
      providers: [TellByCqrs, TellByEmitter],
    },
  );
  const ada = await openBrowser(url, 'ada');
  onTeardown(() => {
    ada.leave();
  });
  const service = app.get(SocketService);
  return {
    app,
    service,
    transaction: <T>(work: (tx: Transaction) => Promise<T>) =>
      service.afterCommit(() => database.transaction(work)),
    relay: (text: string) => service.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'orders', text }),
    /** All that she hears, up to something said now. */
    heard: async () => {
      await service.broadcast('ANNOUNCED', { message: 'that is all' });
      const payloads: unknown[] = [];
      for (;;) {
        const { event, payload } = await ada.next();
        if (event === 'ANNOUNCED') return payloads;
        payloads.push(payload);
      }
    },
  };
}

const said = (...all: string[]) => all.map((text) => ({ from: 'orders', text }));

async function orders(): Promise<unknown[]> {
  const { rows } = await database.execute<{ id: string }>(sql`SELECT id FROM orders ORDER BY id`);
  return rows.map(({ id }) => id);
}

const insert = (tx: Transaction, id: string, memberId = 'ada') =>
  tx.execute(sql`INSERT INTO orders VALUES (${id}, ${memberId})`);

test('the browser hears of an order once it is committed, in the order of the relays, and finds it', async () => {
  const { service, transaction, relay, heard } = await start();
  await transaction(async (tx) => {
    await insert(tx, '7');
    await relay('placed 7');
    await insert(tx, '8');
    await relay('placed 8');
    expect(service.relays.sent).toBe(0);
  });
  expect(await heard()).toEqual(said('placed 7', 'placed 8'));
  expect(await orders()).toEqual(['7', '8']);
});

test('the browser hears nothing of what is rolled back', async () => {
  const { transaction, relay, heard } = await start();
  const work = transaction(async (tx) => {
    await insert(tx, '7');
    await relay('placed 7');
    tx.rollback();
  });
  await expect(work).rejects.toThrow('Rollback');
  expect(await heard()).toEqual([]);
  expect(await orders()).toEqual([]);
});

test('the browser hears nothing when a statement in the middle fails', async () => {
  const { transaction, relay, heard } = await start();
  const work = transaction(async (tx) => {
    await insert(tx, '7');
    await relay('placed 7');
    await insert(tx, '7');
    await relay('never reached');
  });
  await expect(work).rejects.toMatchObject({ cause: { code: '23505' } });
  expect(await heard()).toEqual([]);
  expect(await orders()).toEqual([]);
});

test('the browser hears nothing when everything succeeds and the commit itself is refused', async () => {
  const { transaction, relay, heard } = await start();
  let isDone = false;
  const work = transaction(async (tx) => {
    await insert(tx, '7', 'nobody');
    await relay('placed 7');
    isDone = true;
  });
  await expect(work).rejects.toMatchObject({ code: '23503' });
  expect(isDone).toBe(true);
  expect(await heard()).toEqual([]);
  expect(await orders()).toEqual([]);
});

test('a savepoint that is rolled back takes its own relays along, and one that is released waits for the commit', async () => {
  const { service, transaction, relay, heard } = await start();
  await transaction(async (tx) => {
    await insert(tx, '7');
    await relay('placed 7');
    const nested = (id: string, fails: boolean) =>
      service.afterCommit(() =>
        tx.transaction(async (savepoint) => {
          await insert(savepoint, id);
          await relay(`placed ${id}`);
          if (fails) savepoint.rollback();
        }),
      );
    await expect(nested('8', true)).rejects.toThrow('Rollback');
    await nested('9', false);
    expect(service.relays.sent).toBe(0);
  });
  expect(await heard()).toEqual(said('placed 7', 'placed 9'));
  expect(await orders()).toEqual(['7', '9']);
});

test('of twenty transactions begun at once, only those that commit are heard of, each in its order', async () => {
  const { transaction, relay, heard } = await start();
  const numbers = Array.from({ length: 20 }, (_, index) => String(index + 10));
  const isKept = (id: string) => Number(id) % 3 !== 0;
  await Promise.allSettled(
    numbers.map((id) =>
      transaction(async (tx) => {
        await relay(`${id} begins`);
        await insert(tx, id);
        await relay(`${id} ends`);
        if (!isKept(id)) tx.rollback();
      }),
    ),
  );
  const kept = numbers.filter(isKept);
  expect(await heard()).toEqual(kept.flatMap((id) => said(`${id} begins`, `${id} ends`)));
  expect(await orders()).toEqual(kept);
});

test.each([
  { library: '@nestjs/cqrs', from: 'cqrs' },
  { library: '@nestjs/event-emitter', from: 'emitter' },
])('a relay of a handler of $library belongs to the transaction that raised the event', async ({ from }) => {
  const { app, service, transaction, heard } = await start();
  const raise = (text: string) => {
    if (from === 'cqrs') app.get(EventBus).publish(new OrderPlaced(text));
    else app.get(EventEmitter2).emit('order.placed', new OrderPlaced(text));
  };
  await transaction(async (tx) => {
    await insert(tx, '7');
    raise('placed 7');
    expect(service.relays.sent).toBe(0);
  });
  const work = transaction(async (tx) => {
    await insert(tx, '8');
    raise('placed 8');
    tx.rollback();
  });
  await expect(work).rejects.toThrow('Rollback');
  expect(await heard()).toEqual([{ from, text: 'placed 7' }]);
});

test('without afterCommit the browser hears of what never happened', async () => {
  const { relay, heard } = await start();
  const work = database.transaction(async (tx) => {
    await insert(tx, '7');
    await relay('placed 7');
    tx.rollback();
  });
  await expect(work).rejects.toThrow('Rollback');
  expect(await heard()).toEqual(said('placed 7'));
  expect(await orders()).toEqual([]);
});
