import { endChild, startChild } from '../support/children.js';
import { measure } from '../support/server.js';
import { interleave, median } from '../support/statistics.js';

const SETUPS = [
  { label: 'to nobody', isAnybodyThere: false },
  { label: 'to a fake member', isAnybodyThere: true },
];

/** The cost of `SocketService` itself: the provider `memory` sends nothing over a network. */
export default {
  suite: 'speed',
  name: 'memory-relay',
  title: 'A relay through SocketService on the provider memory, CPU of the process per relay',

  /** @type {import('../support/run.js').Run} */
  async run({ rounds, isQuick, buildUrl }) {
    const total = isQuick ? 5_000 : 20_000;
    const measured = await interleave(rounds, SETUPS, async ({ isAnybodyThere }) => {
      // A new process for each round, because the fake keeps every relay.
      const { caller } = await startChild('./memory-process.js', 'memory', { BENCH_BUILD: buildUrl });
      const relay = () => caller.dispatch('relay', { isAnybodyThere, total });
      await relay();
      const { cpuUs } = await measure(/** @type {number} */ (caller.child.pid), relay);
      await endChild(caller);
      return cpuUs / total;
    });
    return {
      rows: SETUPS.map(({ label }, index) => ({
        label,
        values: { 'µs/relay': median(measured[index] ?? []) },
      })),
      notes: [
        'The fake keeps what it was given for assertions, and its member what it heard; that is in it.',
      ],
    };
  },
};
