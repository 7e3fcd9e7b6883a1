import { openAskers } from '../support/askers.js';
import { endChild, startChild } from '../support/children.js';
import { compared } from '../support/comparison.js';
import { measure } from '../support/server.js';
import { interleave } from '../support/statistics.js';

const KINDS = ['switchboard', 'nest-ws', 'nest-socket.io'];
/** So many that nobody is over the limits, which are as they are by default. */
const CLIENTS = 2_000;
const IN_FLIGHT = 32;

/** A message to a handler, and its answer, against plain gateways of Nest that do the same. */
export default {
  suite: 'speed',
  name: 'handler',
  title: `A message of one of ${CLIENTS} members to a handler, and its answer, CPU of the server per message`,

  /** @type {import('../support/run.js').Run} */
  async run({ rounds, isQuick, buildUrl }) {
    const total = isQuick ? 4_000 : 8_000;
    const setups = await Promise.all(
      KINDS.map(async (name) => {
        const env = { BENCH_BUILD: buildUrl, BENCH_KIND: name };
        const { caller, ready } = await startChild('./handler-process.js', name, env);
        return { name, caller, askers: await openAskers(name, ready.port, CLIENTS) };
      }),
    );

    /** @param {(typeof setups)[number]} setup */
    const round = async ({ caller, askers }) => {
      let asked = 0;
      const askInTurn = async () => {
        while (asked < total) {
          const id = ++asked;
          await askers[id % CLIENTS]?.ask(id);
        }
      };
      const { cpuUs } = await measure(/** @type {number} */ (caller.child.pid), () =>
        Promise.all(Array.from({ length: IN_FLIGHT }, askInTurn)),
      );
      return cpuUs / total;
    };

    for (const setup of setups) for (let warm = 0; warm < 3; warm++) await round(setup);
    const measured = await interleave(2 * rounds, setups, round);
    for (const { caller, askers } of setups) {
      await Promise.all(askers.map((asker) => asker.close()));
      await endChild(caller);
    }
    return compared('handler', 'µs/message', setups, measured);
  },
};
