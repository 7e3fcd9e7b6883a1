import { type Hearing, ledger, type Relay } from './support/ledger.js';

const relays = (count: number, failed: readonly number[] = []): Relay[] =>
  Array.from({ length: count }, (_, n) => ({
    n,
    member: 'ada',
    status: failed.includes(n) ? 'failed' : 'sent',
    ms: n,
  }));

/** The relays that were heard, a list for each connection. */
const heard = (...visits: readonly (readonly number[])[]): Map<string, Hearing[]> =>
  new Map([['ada', visits.flatMap((numbers, visit) => numbers.map((n) => ({ n, visit: String(visit) })))]]);

describe('The ledger of these tests', () => {
  test.each([
    ['all heard', relays(4), heard([0, 1, 2, 3]), { delivered: 4, lost: 0, cutOff: 0 }],
    [
      'a gap within a connection is a loss',
      relays(4),
      heard([0, 1, 3]),
      { delivered: 3, lost: 1, cutOff: 0 },
    ],
    ['a gap between two is not', relays(4), heard([0, 1], [3]), { delivered: 3, lost: 0, cutOff: 1 }],
    ['a gap at the end is', relays(4), heard([0, 1, 2]), { delivered: 3, lost: 1, cutOff: 0 }],
    [
      'nothing heard is all lost',
      relays(4),
      new Map<string, Hearing[]>(),
      { delivered: 0, lost: 4, cutOff: 0 },
    ],
    [
      'what was told is no loss',
      relays(4, [1, 2]),
      heard([0, 2, 3]),
      { failed: 2, failedAndHeard: 1, lost: 0 },
    ],
    ['twice is not out of order', relays(3), heard([0, 1, 0, 2]), { duplicated: 1, outOfOrder: 0 }],
    ['later is', relays(3), heard([0, 2, 1]), { duplicated: 0, outOfOrder: 1, lost: 0 }],
  ])('counts: %s', (_, calls, hearings, figures) => {
    expect(ledger(calls, hearings)).toMatchObject(figures);
  });
});
