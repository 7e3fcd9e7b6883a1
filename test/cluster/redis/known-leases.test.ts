import { KnownLeases } from '../../../src/cluster/redis/known-leases.js';

/** Leases are alive that were renewed after this time. */
const ALIVE_SINCE = 100;

describe('The leases that a node knows', () => {
  test('are those that Redis has; one that is missing is gone', () => {
    const known = new KnownLeases();
    known.learn(['a.1', '150', 'b.1', '150'], ALIVE_SINCE, true);
    known.learn(['a.1', '160'], ALIVE_SINCE, true);
    expect(['a.1', 'b.1', 'c.1'].map((name) => [known.has(name), known.isGone(name)])).toEqual([
      [true, false],
      [false, true],
      [false, false],
    ]);
  });

  test('are gone also when a Redis with older data has them again, until they are renewed', () => {
    const known = new KnownLeases();
    known.learn(['b.1', '50'], ALIVE_SINCE, true);
    known.learn([], ALIVE_SINCE, true);
    known.learn(['b.1', '50'], ALIVE_SINCE, true);
    expect([known.has('b.1'), known.isGone('b.1')]).toEqual([true, true]);
    known.learn(['b.1', '150'], ALIVE_SINCE, true);
    expect(known.isGone('b.1')).toBe(false);
  });

  test('are not gone because Redis has lost its data', () => {
    const known = new KnownLeases();
    known.learn(['b.1', '150'], ALIVE_SINCE, true);
    known.learn([], ALIVE_SINCE, false);
    known.learn([], ALIVE_SINCE, true);
    expect(known.isGone('b.1')).toBe(false);
  });

  test('that were alive before a loss stay known as such, until Redis has lost nothing again', () => {
    const known = new KnownLeases();
    known.learn(['a.1', '150', 'b.1', '50', 'c.1', '150'], ALIVE_SINCE, true);
    known.learn(['a.1', '160'], ALIVE_SINCE, false);
    expect([...known.alive]).toEqual(['a.1', 'c.1']);
    known.learn(['a.1', '170'], ALIVE_SINCE, true);
    expect([...known.alive]).toEqual(['a.1']);
  });

  test('that are gone are remembered up to a number', () => {
    const known = new KnownLeases();
    const names = Array.from({ length: 1_001 }, (_, number) => `n${number}.1`);
    known.learn(
      names.flatMap((name) => [name, '150']),
      ALIVE_SINCE,
      true,
    );
    known.learn([], ALIVE_SINCE, true);
    expect([known.isGone('n0.1'), known.isGone('n1.1'), known.isGone('n1000.1')]).toEqual([
      false,
      true,
      true,
    ]);
  });
});
