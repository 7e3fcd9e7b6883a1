import { compared } from './comparison.js';
import { FRAME_BYTES } from './events.js';
import { askedAt, audiences } from './setups.js';
import { interleave } from './statistics.js';

const MEMBERS = 1_000;

/**
 * A scenario with relays to one member after the other, in the server's own process or through its HTTP API: each when the one
 * before has arrived, or each in the next turn of the event loop.
 *
 * @param {{ name: string, title: string, unit: string, isApi?: boolean, inTurns?: boolean }} values
 * @returns {import('./run.js').Scenario}
 */
export const relays = ({ name, title, unit, isApi = false, inTurns = false }) => ({
  suite: 'speed',
  name,
  title,

  async run({ rounds, isQuick, pairs }) {
    const contenders = await pairs(isApi ? { api: true } : { inProcess: true });
    const setups = await audiences(contenders, { count: MEMBERS, areMembers: true });
    const total = isQuick ? 2_000 : 3_000;
    const publishing = { members: MEMBERS, bytes: FRAME_BYTES };
    const driving = inTurns ? { total, inFlight: total, each: total } : { total, inFlight: 1 };

    /** @param {(typeof setups)[number]} setup */
    const round = async ({ server, audience }) => {
      if (!isApi) await server.caller?.dispatch('prepare', { ...publishing, inTurns, each: driving.each });
      await audience.begin({
        order: 'turns',
        total,
        bytes: FRAME_BYTES,
        ...askedAt(server, publishing, isApi),
      });
      const { cpuUs } = await server.measure(() => audience.drive(driving));
      return cpuUs / total;
    };

    for (const setup of setups) for (let warm = 0; warm < 2; warm++) await round(setup);
    const measured = await interleave(2 * rounds, setups, round);
    for (const { close } of setups) await close();
    return compared(name, unit, setups, measured);
  },
});
