import { ManualClock } from '../../../../src/adapters/memory/manual-clock.js';
import { EarliestTimer } from '../../../../src/cluster/redis/channels/earliest-timer.js';

describe('The earliest timer', () => {
  function timing() {
    const clock = new ManualClock();
    const start = clock.now();
    const rings: number[] = [];
    const timer = new EarliestTimer(clock, () => rings.push(clock.now() - start));
    return { clock, timer, rings };
  }

  test('rings once, at the earliest of the times that were set', () => {
    const { clock, timer, rings } = timing();
    timer.set(300);
    timer.set(100);
    timer.set(200);
    expect(timer.isSet).toBe(true);
    clock.advance(1_000);
    expect([rings, timer.isSet]).toEqual([[100], false]);
    timer.set(300);
    clock.advance(300);
    expect(rings).toEqual([100, 1_300]);
  });

  test('remembers a ring until it is handled', () => {
    const { clock, timer } = timing();
    timer.set(100);
    expect(timer.takeDue()).toBe(false);
    clock.advance(100);
    expect(timer.isDue).toBe(true);
    expect([timer.takeDue(), timer.takeDue(), timer.isDue]).toEqual([true, false, false]);
  });

  test('does not ring after it was cancelled', () => {
    const { clock, timer, rings } = timing();
    timer.set(100);
    timer.cancel();
    clock.advance(200);
    expect([rings, timer.isSet]).toEqual([[], false]);
  });
});
