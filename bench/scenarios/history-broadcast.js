import { compared } from '../support/comparison.js';
import { FRAME_BYTES } from '../support/events.js';
import { historyPairs } from '../support/history-pairs.js';
import { askedAt, audiences, CHANNEL } from '../support/setups.js';
import { interleave } from '../support/statistics.js';

const SUBSCRIBERS = 1_000;
const TOTAL = 64;

/** A broadcast on one node, with history and without. */
export default {
  suite: 'history',
  name: 'broadcast',
  title:
    'A broadcast to 1000 subscribers on one node, with history and without, CPU of the server per delivery',

  /** @type {import('../support/run.js').Run} */
  async run(bench) {
    const pairs = await historyPairs(bench);
    const setups = await audiences(pairs, { count: SUBSCRIBERS, channels: [CHANNEL] });
    const publishing = { channel: CHANNEL, bytes: FRAME_BYTES };

    /** @param {(typeof setups)[number]} setup */
    const round = async ({ server, audience }) => {
      await server.caller?.dispatch('prepare', publishing);
      await audience.begin({ total: TOTAL, bytes: FRAME_BYTES, ...askedAt(server, publishing) });
      const { cpuUs } = await server.measure(() => audience.drive({ total: TOTAL, inFlight: 1 }));
      return cpuUs / TOTAL / SUBSCRIBERS;
    };

    for (const setup of setups) for (let warm = 0; warm < 2; warm++) await round(setup);
    const measured = await interleave(3 * bench.rounds, setups, round);
    for (const { close } of setups) await close();
    await bench.end(...pairs.flatMap(({ server, load }) => [server, load]));
    return compared('broadcast', 'µs/delivery', setups, measured, 'with/its');
  },
};
