import { StepLoop } from '../../../../src/cluster/redis/channels/step-loop.js';

/** A loop whose steps are ended by hand. */
function looping() {
  const steps: { end: () => void; fail: () => void }[] = [];
  const failures: string[] = [];
  const gate = { canStep: true };
  const loop = new StepLoop({
    step: () =>
      new Promise<void>((end, fail) => {
        steps.push({
          end,
          fail: () => {
            fail(new Error('no'));
          },
        });
      }),
    canStep: () => gate.canStep,
    failed: (error) => failures.push(String(error)),
    inTurn: (step) => step(),
  });
  const request = () => {
    loop.request();
    loop.start();
  };
  return { loop, steps, failures, gate, request };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('A loop of steps', () => {
  test('takes one step for all requests of a turn, and one further step for those that come meanwhile', async () => {
    const { loop, steps, request } = looping();
    request();
    request();
    await turn();
    expect(steps).toHaveLength(1);
    expect([loop.isRequested, loop.isRunning]).toEqual([false, true]);
    request();
    request();
    await turn();
    expect([steps.length, loop.isRequested]).toEqual([1, true]);
    steps[0]?.end();
    await turn();
    expect(steps).toHaveLength(2);
    steps[1]?.end();
    await loop.idle();
    expect([steps.length, loop.isRequested, loop.isRunning]).toEqual([2, false, false]);
  });

  test('takes no step while it cannot, and still knows that one is needed', async () => {
    const { loop, steps, gate, request } = looping();
    gate.canStep = false;
    request();
    await loop.idle();
    expect([steps.length, loop.isRequested]).toEqual([0, true]);
    gate.canStep = true;
    loop.start();
    await turn();
    expect(steps).toHaveLength(1);
    steps[0]?.end();
    await loop.idle();
  });

  test('stops at a failure, with the step still requested, and waits longer after each', async () => {
    const { loop, steps, failures, request } = looping();
    for (const [firstMs, lastMs] of [
      [250, 500],
      [500, 1_000],
      [1_000, 2_000],
      [2_000, 4_000],
      [4_000, 8_000],
      [8_000, 16_000],
      [8_000, 16_000],
    ] as const) {
      request();
      await turn();
      steps.at(-1)?.fail();
      await loop.idle();
      expect([loop.isRequested, loop.isRunning]).toEqual([true, false]);
      const retryMs = loop.retryMs();
      expect(retryMs).toBeGreaterThanOrEqual(firstMs);
      expect(retryMs).toBeLessThanOrEqual(lastMs);
    }
    expect(failures).toEqual(Array.from({ length: 7 }, () => 'Error: no'));
    request();
    await turn();
    steps.at(-1)?.end();
    await loop.idle();
    expect(loop.retryMs()).toBeLessThanOrEqual(500);
  });
});
