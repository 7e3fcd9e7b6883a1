import { readFile } from 'node:fs/promises';
import { beside, compared } from '../support/comparison.js';
import { CHANNEL } from '../support/setups.js';
import { interleave, medians } from '../support/statistics.js';

const KIB = 1_024;
/** The clients that connect and leave before the measurement, because a server loads code for its first clients. */
const EARLY = 500;
/** The file descriptors of a process that are not clients. */
const OTHERS = 200;

/**
 * The memory of a server for idle connections: all of them compared with none, and the last ones compared with the first ones.
 * The second comparison leaves out memory that grows once, like V8's space for young objects: its size depends more on the earlier
 * work of a process than on the number of its connections.
 */
export default {
  suite: 'speed',
  name: 'idle',
  title: 'Memory of the server per idle connection with one private channel',

  /** @type {import('../support/run.js').Run} */
  async run({ isFull, rounds, contenders, startPair, end }) {
    const count = isFull ? 50_000 : 10_000;
    const first = 0.4 * count;
    await needFiles(count + OTHERS);

    /** @param {(typeof contenders)[number]} contender */
    const round = async (contender) => {
      const { server, load } = await startPair(contender, ['--expose-gc']);
      const early = await load.visitors();
      const late = await load.visitors();
      const come = (/** @type {typeof early} */ { audience }, /** @type {number} */ some) =>
        audience.open({ nodes: [{ ...server.target, count: some }], channels: [CHANNEL] });
      await come(early, EARLY);
      await early.close();
      const none = await server.memory();
      await come(late, first);
      const some = await server.memory();
      await come(late, count - first);
      const all = await server.memory();
      // A server that ran before keeps running, without these clients.
      if (server.caller === undefined) await late.close();
      await end(load, server);
      return {
        slope: (all.rss - some.rss) / (count - first) / KIB,
        rss: (all.rss - none.rss) / count / KIB,
        heap: (all.heapUsed - none.heapUsed) / count / KIB,
        external: (all.external - none.external) / count / KIB,
        empty: none.rss / KIB / KIB,
      };
    };

    const measured = await interleave(Math.floor(rounds / 2), contenders, round);
    const column = (/** @type {'slope' | 'rss'} */ which) =>
      measured.map((its) => its.map((figures) => figures[which]));
    return {
      ...beside(
        compared('idle', 'KiB', contenders, column('rss')),
        compared('idle, one more', 'one more, KiB', contenders, column('slope'), 'one more, ours/its'),
        {
          rows: measured.map((its, index) => {
            const { heap, external, empty } = medians(its);
            const isKnown = !Number.isNaN(heap);
            return {
              label: contenders[index]?.name ?? '',
              values: {
                'heap, KiB': isKnown ? heap : undefined,
                'external, KiB': isKnown ? external : undefined,
                'none, MiB': empty,
              },
            };
          }),
        },
      ),
      notes: [
        `KiB: ${count} connections compared with none, resident memory after garbage was collected`,
        `one more: ${count} connections compared with ${first}; what grows once is not in it`,
      ],
    };
  },
};

/** @param {number} count */
async function needFiles(count) {
  const limits = await readFile('/proc/self/limits', 'utf8');
  const allowed = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  if (allowed < count) {
    throw new Error(
      `A process may have ${allowed} files open, and ${count} are needed: run "ulimit -n ${count}" first.`,
    );
  }
}
