import { FRAME_BYTES, memberOf } from '../support/events.js';
import { fanOut } from '../support/fan-out.js';

const MEMBER = memberOf(0);

/** Relays of the first node to one member on the second node. */
export default {
  suite: 'cluster',
  name: 'relay',
  title: 'A relay to one member on another node, per relay',

  /** @type {import('../support/run.js').Run} */
  run: (bench) =>
    fanOut(bench, {
      name: 'relay',
      rounds: 3 * bench.rounds,
      total: bench.isQuick ? 2_000 : 4_000,
      counted: 200,
      open: ({ cluster, audience }) =>
        audience.open({ nodes: [{ url: cluster.node(1).url, count: 1 }], memberId: MEMBER }),
      prepare: async ({ cluster, audience, inFlight }, total) => {
        const { caller } = cluster.node(0);
        const prepared = caller.dispatch('prepare', { members: 1, bytes: FRAME_BYTES });
        await Promise.all([audience.begin({ bytes: FRAME_BYTES }), prepared]);
        return () =>
          Promise.all([
            caller.dispatch('relay', { memberId: MEMBER, total, inFlight }),
            audience.heard({ total }),
          ]);
      },
      label: ({ size, inFlight }) => `${size} nodes, ${inFlight} in flight`,
    }),
};
