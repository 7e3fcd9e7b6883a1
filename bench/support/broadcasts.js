import { compared } from './comparison.js';
import { FRAME_BYTES } from './events.js';
import { askedAt, audiences, CHANNEL } from './setups.js';
import { interleave } from './statistics.js';

/**
 * A scenario in which many subscribers of one private channel get broadcasts.
 *
 * @param {{ name: string, title: string, subscribers: number, inFlight: number, total: number, rounds: number }} values
 *   so many broadcasts in a round, and so many rounds for each of a run's
 * @returns {import('./run.js').Scenario}
 */
export const broadcasts = ({ name, title, subscribers, inFlight, total, rounds }) => ({
  suite: 'speed',
  name,
  title,

  async run({ rounds: each, pairs, isQuick }) {
    const setups = await audiences(await pairs(), { count: subscribers, channels: [CHANNEL] });
    const played = isQuick ? Math.max(2 * inFlight, total / 2) : total;
    const publishing = { channel: CHANNEL, bytes: FRAME_BYTES };

    /** @param {(typeof setups)[number]} setup */
    const round = async ({ server, audience }) => {
      await server.caller?.dispatch('prepare', publishing);
      await audience.begin({ total: played, bytes: FRAME_BYTES, ...askedAt(server, publishing) });
      const { cpuUs } = await server.measure(() => audience.drive({ total: played, inFlight }));
      return cpuUs / played / subscribers;
    };

    for (const setup of setups) for (let warm = 0; warm < 2; warm++) await round(setup);
    const measured = await interleave(rounds * each, setups, round);
    for (const { close } of setups) await close();
    return compared(name, 'µs/delivery', setups, measured);
  },
});
