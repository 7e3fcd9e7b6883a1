import { ConnectionSlots } from '../../../../src/adapters/pusher/http/connection-slots.js';
import { systemClock } from '../../../../src/ports/clock.js';

/** Longer than any test takes. */
const later = () => performance.now() + 60_000;

describe('ConnectionSlots', () => {
  test('are given in the order in which they were asked for', async () => {
    const slots = new ConnectionSlots(1, systemClock);
    const seen: string[] = [];
    const use = async (name: string) => {
      const release = await slots.acquire(later());
      seen.push(name);
      release?.();
    };
    await Promise.all(['first', 'second', 'third'].map(use));

    expect(seen).toEqual(['first', 'second', 'third']);
  });

  test('are not given to requests that have left the queue', async () => {
    const slots = new ConnectionSlots(1, systemClock);
    const release = await slots.acquire(later());
    expect(await slots.acquire(performance.now() + 5)).toBeUndefined();
    release?.();

    expect(await slots.acquire(later())).toBeDefined();
  });

  test('are not given to requests that come too late, although there are some', async () => {
    expect(await new ConnectionSlots(1, systemClock).acquire(performance.now())).toBeUndefined();
  });
});
