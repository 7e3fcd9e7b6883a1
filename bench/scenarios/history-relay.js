import { compared } from '../support/comparison.js';
import { FRAME_BYTES } from '../support/events.js';
import { historyPairs } from '../support/history-pairs.js';
import { askedAt, audiences } from '../support/setups.js';
import { interleave } from '../support/statistics.js';

const MEMBERS = 1_000;

/** A relay to one member after the other on one node, with history and without. */
export default {
  suite: 'history',
  name: 'relay',
  title: 'A relay to one of 1000 members on one node, with history and without, CPU of the server per relay',

  /** @type {import('../support/run.js').Run} */
  async run(bench) {
    const total = bench.isQuick ? 2_000 : 4_000;
    const pairs = await historyPairs(bench);
    const setups = await audiences(pairs, { count: MEMBERS, areMembers: true });
    const publishing = { members: MEMBERS, bytes: FRAME_BYTES };

    /** @param {(typeof setups)[number]} setup */
    const round = async ({ server, audience }) => {
      await server.caller?.dispatch('prepare', publishing);
      await audience.begin({ order: 'turns', total, bytes: FRAME_BYTES, ...askedAt(server, publishing) });
      const { cpuUs } = await server.measure(() => audience.drive({ total, inFlight: 1 }));
      return cpuUs / total;
    };

    for (const setup of setups) for (let warm = 0; warm < 2; warm++) await round(setup);
    const measured = await interleave(2 * bench.rounds, setups, round);
    for (const { close } of setups) await close();
    await bench.end(...pairs.flatMap(({ server, load }) => [server, load]));
    return compared('relay', 'µs/relay', setups, measured, 'with/its');
  },
};
