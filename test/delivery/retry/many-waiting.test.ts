import { setImmediate as nextTurn } from 'node:timers/promises';
import { A_WHILE, down, start } from '../support.js';

const MANY = 10_000;
const UNBOUNDED = { waitingRelays: 0, waitingBytes: 0 };
/** Fewer than half of them: nobody knows how many fit into a slice of a busy machine, but never this many. */
const MOST_IN_A_TURN = MANY / 2;

/** The most calls of the provider in one turn of the event loop, until there are so many. */
async function mostInATurn(
  calls: readonly string[],
  all: number,
  clock: { advance(milliseconds: number): void },
): Promise<number> {
  let [before, most] = [calls.length, 0];
  while (calls.length < all) {
    await nextTurn();
    clock.advance(25);
    most = Math.max(most, calls.length - before);
    before = calls.length;
  }
  return most;
}

/** Resolves when no relay waits any more, while the time goes on. */
async function untilNoneWaits({
  delivery,
  clock,
}: Pick<ReturnType<typeof start>, 'delivery' | 'clock'>): Promise<void> {
  while (delivery.queued > 0) {
    await nextTurn();
    clock.advance(25);
  }
}

/** The provider is back. Resolves with the most calls that were under way until no relay waited any more. */
async function mostUnderWay(started: ReturnType<typeof start>): Promise<number> {
  const { provider, clock } = started;
  provider.fate = () => undefined;
  provider.mostUnderWay = 0;
  clock.advance(A_WHILE);
  await untilNoneWaits(started);
  return provider.mostUnderWay;
}

test('thousands of relays that wait for the provider are tried again in slices, and none is overtaken', async () => {
  const { send, provider, delivery, clock } = start(UNBOUNDED);
  provider.fate = down;
  await Promise.all(Array.from({ length: MANY }, (_, number) => send('FIRST', `member-${number}`)));
  expect(delivery.queued).toBe(MANY);
  provider.fate = () => undefined;
  provider.calls.length = 0;
  clock.advance(A_WHILE);
  expect(provider.calls.length).toBeLessThan(MOST_IN_A_TURN);
  const last = `member-${MANY - 1}`;
  expect(await send('SECOND', last)).toBe('queued');
  expect(await mostInATurn(provider.calls, MANY + 1, clock)).toBeLessThan(MOST_IN_A_TURN);
  await untilNoneWaits({ delivery, clock });
  expect(provider.calls.filter((call) => call.endsWith(` ${last}`))).toEqual([
    `FIRST ${last}`,
    `SECOND ${last}`,
  ]);
  expect(new Set(provider.calls).size).toBe(MANY + 1);
  expect(delivery.health()).toMatchObject({ waiting: 0, bytes: 0 });
});

test('when their deadline is over, they are lost in slices, each of them once', async () => {
  const { send, provider, delivery, clock, told } = start(UNBOUNDED);
  provider.fate = down;
  await Promise.all(Array.from({ length: MANY }, (_, number) => send('FIRST', `member-${number}`)));
  told.length = 0;
  clock.advance(31_000);
  expect(told.length).toBeLessThan(MOST_IN_A_TURN);
  expect(await mostInATurn(told, MANY, clock)).toBeLessThan(MOST_IN_A_TURN);
  await untilNoneWaits({ delivery, clock });
  expect(told.filter((line) => line.includes('lost'))).toHaveLength(MANY);
  provider.fate = () => undefined;
  expect(await send('LATER', 'member-1')).toBe('sent');
});

test('the end of the application tries all of them once more, and waits for that', async () => {
  const { send, provider, delivery, told } = start(UNBOUNDED);
  provider.fate = down;
  await Promise.all(Array.from({ length: MANY }, (_, number) => send('FIRST', `member-${number}`)));
  provider.fate = () => undefined;
  told.length = 0;
  await delivery.close();
  expect(told.filter((line) => line.includes('arrived'))).toHaveLength(MANY);
  expect(delivery.queued).toBe(0);
});

test('a thousand relays to one member are tried again ten at a time, in their order', async () => {
  const started = start(UNBOUNDED);
  const { send, provider } = started;
  provider.fate = down;
  const names = Array.from({ length: 1_000 }, (_, number) => `EVENT_${number}`);
  await Promise.all(names.map((name) => send(name, 'ada')));
  provider.calls.length = 0;
  expect(await mostUnderWay(started)).toBe(10);
  expect(provider.calls).toEqual(names.map((name) => `${name} ada`));
});

test('of the relays to many members, about a thousand are tried again at a time', async () => {
  const started = start(UNBOUNDED);
  const { send, provider } = started;
  provider.fate = down;
  await Promise.all(Array.from({ length: MANY }, (_, number) => send('FIRST', `member-${number % 1_000}`)));
  const most = await mostUnderWay(started);
  expect(most).toBeGreaterThan(300);
  expect(most).toBeLessThan(1_100);
});
