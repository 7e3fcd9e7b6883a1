import { setImmediate as turn } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { inSlices, type Work } from '../../src/ports/slices.js';
import { turnsUntil } from '../support/turns.js';

const STEPS = 20_000;

function* steps(count: number, step: (index: number) => void = () => undefined): Work<number> {
  for (let index = 0; index < count; index++) {
    step(index);
    yield;
  }
  return count;
}

test('work in slices lets the event loop turn between them, and takes every step once, in order', async () => {
  const seen: number[] = [];
  const work = inSlices(steps(STEPS, (index) => seen.push(index)));
  expect(seen).toEqual([]);
  expect(await turnsUntil(work)).toBeGreaterThan(5);
  expect(await work).toBe(STEPS);
  expect(seen).toEqual(Array.from({ length: STEPS }, (_, index) => index));
});

test('it does so too where a test has stopped the time, and the timers', async () => {
  jest.useFakeTimers();
  try {
    expect(await turnsUntil(inSlices(steps(STEPS)))).toBeGreaterThan(5);
  } finally {
    jest.useRealTimers();
  }
});

test('a slow step ends its slice', async () => {
  const slow = () => {
    for (const until = performance.now() + 4; performance.now() < until;);
  };
  expect(await turnsUntil(inSlices(steps(64, slow)))).toBeGreaterThanOrEqual(8);
});

test('a hundred works share the turns: each goes on, and together they take no more steps in one', async () => {
  const taken = new Map<number, number>();
  let [inTurn, most, isDone] = [0, 0, false];
  const works = Array.from({ length: 100 }, (_, work) =>
    inSlices(
      steps(1_000, () => {
        inTurn++;
        taken.set(work, (taken.get(work) ?? 0) + 1);
      }),
    ),
  );
  void Promise.all(works).then(() => (isDone = true));

  while (!isDone) {
    await turn();
    most = Math.max(most, inTurn);
    inTurn = 0;
  }
  expect(most).toBeLessThan(5_000);
  expect([...taken.values()]).toEqual(Array(100).fill(1_000));
});

test('work that waits for a promise holds nobody up, and goes on once it is settled, also when it is rejected', async () => {
  const log: string[] = [];
  const signals: (() => void)[] = [];
  const waits = (function* (): Work {
    log.push('waits');
    yield new Promise<void>((resolve) => signals.push(resolve));
    log.push('goes on');
    yield Promise.reject(new Error('no matter'));
    log.push('ends');
  })();
  const waiting = inSlices(waits);
  await inSlices(steps(3, (index) => log.push(`step ${index}`)));
  for (const signal of signals) signal();
  await waiting;
  expect(log).toEqual(['waits', 'step 0', 'step 1', 'step 2', 'goes on', 'ends']);
});

test('a step that throws ends its work, with that error, and no other', async () => {
  const failing = inSlices(
    steps(3, (index) => {
      if (index === 1) throw new Error('broken');
    }),
  );
  const other = inSlices(steps(3));
  await expect(failing).rejects.toThrow('broken');
  expect(await other).toBe(3);
});
