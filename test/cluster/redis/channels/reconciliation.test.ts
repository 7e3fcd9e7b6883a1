import { setImmediate as nextTurn } from 'node:timers/promises';
import { ManualClock } from '../../../../src/adapters/memory/manual-clock.js';
import type { ChannelSync } from '../../../../src/cluster/redis/channels/channel-sync.js';
import { Reconciliation } from '../../../../src/cluster/redis/channels/reconciliation.js';
import type { ChannelLook } from '../../../../src/cluster/redis/scripts/channel-record.js';

const LOOK: ChannelLook = { nodes: new Map(), version: 0, dueAt: Number.POSITIVE_INFINITY };

/** A round of so many channels; those of `busy` have a report under way, and those of `wrong` differ from Redis. */
function start(count: number, { busy = [], wrong = [] }: { busy?: string[]; wrong?: string[] } = {}) {
  const clock = new ManualClock();
  const names = Array.from({ length: count }, (_, number) => `c${number}`);
  const asked: string[][] = [];
  const compared: string[] = [];
  const results: boolean[] = [];
  let isUp = true;
  const syncs = new Map(
    names.map((name) => {
      const sync = {
        name,
        lastReport: busy.includes(name) ? undefined : 7,
        compare: () => {
          compared.push(name);
          return !wrong.includes(name);
        },
      };
      return [name, sync as unknown as ChannelSync] as const;
    }),
  );
  const store = {
    get isUp() {
      return isUp;
    },
    look: async (channels: readonly string[]) => {
      asked.push([...channels]);
      return { now: 0, looks: channels.map(() => LOOK) };
    },
  };
  const reconciliation = new Reconciliation(syncs, store, clock, (isAllSame) => results.push(isAllSame));
  reconciliation.start();
  const pass = async (milliseconds: number) => {
    for (let left = milliseconds; left > 0; left -= 100) {
      clock.advance(100);
      await nextTurn();
    }
  };
  const goDown = () => (isUp = false);
  return { reconciliation, names, asked, compared, results, pass, goDown };
}

describe('The comparison of channels with Redis', () => {
  test('has every channel once in ten seconds, a hundred at a time', async () => {
    const { names, asked, compared, results, pass } = start(250);
    await pass(10_200);
    expect(asked.map(({ length }) => length)).toEqual([100, 100, 50]);
    expect(compared.slice(0, 250).sort()).toEqual([...names].sort());
    expect(results).toEqual([true, true, true]);
    await pass(10_200);
    expect(compared).toHaveLength(500);
  });

  test('takes longer for more than ten thousand channels', async () => {
    const { asked, pass } = start(20_000);
    await pass(10_000);
    expect(asked.flat().length).toBeGreaterThan(9_000);
    expect(asked.flat().length).toBeLessThanOrEqual(10_000);
  });

  test('leaves out a channel whose report is under way, and says when one differs', async () => {
    const { compared, results, pass } = start(3, { busy: ['c1'], wrong: ['c2'] });
    await pass(10_200);
    expect([compared, results]).toEqual([['c0', 'c2'], [false]]);
  });

  test('waits while Redis is away, and ends when it is stopped', async () => {
    const { reconciliation, asked, pass, goDown } = start(3);
    goDown();
    await pass(20_500);
    expect(asked).toEqual([]);
    const other = start(3);
    other.reconciliation.stop();
    await other.pass(20_500);
    expect(other.asked).toEqual([]);
    reconciliation.stop();
  });
});
