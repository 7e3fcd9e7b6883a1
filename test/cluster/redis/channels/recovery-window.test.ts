import { setImmediate as nextTurn } from 'node:timers/promises';
import { ManualClock } from '../../../../src/adapters/memory/manual-clock.js';
import { RecoveryWindow } from '../../../../src/cluster/redis/channels/recovery-window.js';

/** A window, and other nodes who have reported or not. */
function windowOf(hasEverybodyReported: () => boolean) {
  const clock = new ManualClock();
  const state = { awaits: [] as boolean[], closed: [] as boolean[] };
  const nodes = {
    await: (isFirst: boolean) => state.awaits.push(isFirst),
    areAll: () => Promise.resolve(hasEverybodyReported()),
  };
  const recovery = new RecoveryWindow(clock, nodes, (wasHolding) => state.closed.push(wasHolding));
  const pass = async (milliseconds: number) => {
    clock.advance(milliseconds);
    await nextTurn();
  };
  return { recovery, pass, ...state };
}

test('a recovery window closes once, a while after it was opened last', async () => {
  const { recovery, pass, closed } = windowOf(() => true);
  expect(recovery.isOpen).toBe(false);
  recovery.open(true);
  await pass(1_000);
  // It goes on holding when data was lost since.
  recovery.open(false);
  await pass(1_499);
  expect([recovery.isOpen, recovery.isHolding, closed]).toEqual([true, true, []]);
  await pass(1);
  expect([recovery.isOpen, recovery.isHolding, closed]).toEqual([false, false, [true]]);
  recovery.open(false);
  expect([recovery.isOpen, recovery.isHolding]).toEqual([true, false]);
  recovery.cancel();
  await pass(10_000);
  expect(closed).toEqual([true]);
});

test('new members wait until every node that was alive has reported, but no longer than a lease', async () => {
  let hasEverybodyReported = false;
  const { recovery, pass, awaits, closed } = windowOf(() => hasEverybodyReported);
  recovery.open(true);
  await pass(1_500);
  await pass(200);
  expect([recovery.isHolding, awaits]).toEqual([true, [true]]);
  hasEverybodyReported = true;
  await pass(200);
  expect([recovery.isOpen, closed]).toEqual([false, [true]]);

  hasEverybodyReported = false;
  recovery.open(true);
  recovery.open(true);
  // Which nodes were alive is known from the time before the first sign.
  expect(awaits).toEqual([true, true, false]);
  for (let waited = 0; waited < 7_800; waited += 100) await pass(100);
  expect(recovery.isHolding).toBe(true);
  await pass(300);
  expect([recovery.isOpen, closed]).toEqual([false, [true, true]]);
});

test('a new connection to the same data waits for nobody', async () => {
  const { recovery, pass, awaits, closed } = windowOf(() => false);
  recovery.open(false);
  await pass(1_500);
  expect([recovery.isOpen, awaits, closed]).toEqual([false, [], [false]]);
});
