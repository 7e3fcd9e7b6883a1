import { beside, compared } from '../support/comparison.js';
import { FRAME_BYTES } from '../support/events.js';
import { askedAt, audiences, CHANNEL } from '../support/setups.js';
import { interleave } from '../support/statistics.js';

const SUBSCRIBERS = 1_000;
const EVERY_MS = 50;

/** The time that subscribers wait for broadcasts, at a rate that every server can keep. */
export default {
  suite: 'speed',
  name: 'paced',
  title: `${1_000 / EVERY_MS} broadcasts a second to ${SUBSCRIBERS} subscribers, milliseconds until a subscriber has heard`,

  /** @type {import('../support/run.js').Run} */
  async run({ rounds, isQuick, pairs }) {
    const setups = await audiences(await pairs(), { count: SUBSCRIBERS, channels: [CHANNEL] });
    const total = (isQuick ? 1 : 3) * (1_000 / EVERY_MS);
    const publishing = { channel: CHANNEL, bytes: FRAME_BYTES };

    /** @param {(typeof setups)[number]} setup */
    const round = async ({ server, audience }) => {
      await server.caller?.dispatch('prepare', publishing);
      await audience.begin({ total, bytes: FRAME_BYTES, ...askedAt(server, publishing) });
      const { cpuUs, result } = await server.measure(() => audience.pace({ total, everyMs: EVERY_MS }));
      return { ...result, us: cpuUs / total / SUBSCRIBERS };
    };

    for (const setup of setups) await round(setup);
    const measured = await interleave(rounds, setups, round);
    for (const { close } of setups) await close();
    const column = (/** @type {'p50' | 'p99' | 'us'} */ which) =>
      measured.map((its) => its.map((figures) => figures[which]));
    return beside(
      compared('paced, p50', 'p50 ms', setups, column('p50'), 'p50 ours/its', 'latency'),
      compared('paced, p99', 'p99 ms', setups, column('p99'), 'p99 ours/its', 'latency'),
      compared('paced, CPU', 'µs/delivery', setups, column('us'), 'µs ours/its'),
    );
  },
};
