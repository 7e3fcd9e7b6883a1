import { compared } from './comparison.js';
import { askedAt, audiences, CHANNEL } from './setups.js';
import { interleave } from './statistics.js';

const SUBSCRIBERS = 100;
const EVENTS = 2_000;
/** The most events of one request. */
const BATCH = 10;
/** The bytes of a small message, like a tick. */
const BYTES = 120;

/**
 * A scenario in which many small events are published at once: in one turn of the server's event loop, or in batches
 * through its HTTP API, every one of them on a connection of its own.
 *
 * @param {{ name: string, title: string, isApi: boolean }} values
 * @returns {import('./run.js').Scenario}
 */
export const bursts = ({ name, title, isApi }) => ({
  suite: 'speed',
  name,
  title,

  async run({ rounds, pairs }) {
    const setups = await audiences(await pairs(isApi ? { api: true } : { inProcess: true }), {
      count: SUBSCRIBERS,
      channels: [CHANNEL],
    });

    /** @param {(typeof setups)[number]} setup */
    const round = async ({ server, audience }) => {
      if (!isApi) await server.caller?.dispatch('prepare', { channel: CHANNEL, bytes: BYTES, each: EVENTS });
      await audience.begin({
        order: isApi ? 'batches' : 'same',
        batch: BATCH,
        total: EVENTS,
        bytes: BYTES,
        ...askedAt(server, { channel: CHANNEL, bytes: BYTES, batch: BATCH }, isApi),
      });
      const burst = { total: EVENTS, inFlight: EVENTS, each: isApi ? BATCH : EVENTS };
      const { cpuUs } = await server.measure(() => audience.drive(burst));
      return cpuUs / EVENTS / SUBSCRIBERS;
    };

    for (const setup of setups) await round(setup);
    const measured = await interleave(rounds, setups, round);
    for (const { close } of setups) await close();
    return compared(name, 'µs/delivery', setups, measured);
  },
});
