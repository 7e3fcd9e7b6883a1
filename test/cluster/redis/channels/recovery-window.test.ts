import { ManualClock } from '../../../../src/adapters/memory/manual-clock.js';
import { RecoveryWindow } from '../../../../src/cluster/redis/channels/recovery-window.js';

test('a recovery window closes once, a while after it was opened last', () => {
  const clock = new ManualClock();
  let closed = 0;
  const recovery = new RecoveryWindow(clock, () => closed++);
  expect(recovery.isOpen).toBe(false);
  recovery.open();
  clock.advance(1_000);
  recovery.open();
  clock.advance(1_499);
  expect([recovery.isOpen, closed]).toEqual([true, 0]);
  clock.advance(1);
  expect([recovery.isOpen, closed]).toEqual([false, 1]);
  recovery.open();
  recovery.cancel();
  clock.advance(10_000);
  expect(closed).toBe(1);
});
