import { RelayQueue } from '../../../src/delivery/queue/relay-queue.js';
import { systemClock } from '../../../src/ports/clock.js';
import { redisAddress } from '../../../src/settings/redis-address.js';
import { ChaosProxy } from '../../support/chaos-proxy.js';
import { eventually } from '../../support/cluster/waiting.js';
import { startRedis } from '../../support/redis.js';
import { onTeardown } from '../../support/teardown.js';

/** A connection is cut after each of these many bytes: in the greetings of ioredis, of BullMQ's queues, and behind them. */
const UP = Array.from({ length: 40 }, (_, index) => 25 * index);
const DOWN = Array.from({ length: 40 }, (_, index) => 700 * index);

const BOUNDS = { waitingRelays: 0, waitingBytes: 0, deadLetters: 0 };

describe.each([
  ['to', 'up', UP],
  ['from', 'down', DOWN],
] as const)('a queue whose first connection is cut on the way %s Redis', (_, way, cuts) => {
  test('does all its work on the next one, wherever the cut was', async () => {
    const redis = await startRedis();
    let torn = 0;
    const refused: unknown[] = [];
    const openAndUse = async (bytes: number) => {
      const proxy = await ChaosProxy.before(redis.port);
      proxy.tearNextAfter(bytes, way);
      const address = redisAddress(`redis://127.0.0.1:${proxy.port}`);
      if (address === undefined) throw new Error('no address');
      const queue = new RelayQueue(
        { ...address, options: {} },
        `cut-after-${bytes}`,
        BOUNDS,
        systemClock,
        () => undefined,
      );
      onTeardown(() => queue.close());
      // Until there is a second connection, an answer may say that there is none.
      await eventually(10_000, async () => {
        expect(await queue.link.use(() => queue.deadLetters.count())).toBe(0);
      });
      torn += proxy.torn;
      const wakes = [queue.wake(['member 1']), queue.wakeEach(['member 2'])];
      for (const { status } of await Promise.allSettled(wakes)) {
        if (status === 'rejected') refused.push(bytes);
      }
    };
    await Promise.all(cuts.map(openAndUse));
    expect(refused).toEqual([]);
    expect(torn).toBeGreaterThan(cuts.length / 2);
  });
});
