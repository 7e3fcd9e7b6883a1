import { FRAME_BYTES } from '../support/events.js';
import { fanOut } from '../support/fan-out.js';

const CHANNEL = 'broadcast';
const SUBSCRIBERS = 1_000;

/** Broadcasts with half of the subscribers on the node that publishes, half on the second one, and none on the others. */
export default {
  suite: 'cluster',
  name: 'broadcast',
  title: `A broadcast to ${SUBSCRIBERS} subscribers on two nodes, per broadcast`,

  /** @type {import('../support/run.js').Run} */
  run: (bench) =>
    fanOut(bench, {
      name: 'broadcast',
      rounds: 2 * bench.rounds,
      total: bench.isQuick ? 24 : 32,
      counted: 16,
      open: ({ cluster, audience }) => {
        const nodes = [0, 1].map((index) => ({ url: cluster.node(index).url, count: SUBSCRIBERS / 2 }));
        return audience.open({ nodes, channels: [CHANNEL] });
      },
      prepare: async ({ cluster, audience, inFlight }, total) => {
        const { caller, controlPort } = cluster.node(0);
        const prepared = caller.dispatch('prepare', { channel: CHANNEL, bytes: FRAME_BYTES });
        await Promise.all([audience.begin({ bytes: FRAME_BYTES, controlPort }), prepared]);
        return () => audience.drive({ total, inFlight });
      },
      label: ({ size, inFlight }) => `${size - 2} uninterested, ${inFlight} in flight`,
      more: ({ busyUs }) => ({ 'µs/delivery': busyUs / SUBSCRIBERS }),
      notes: ['µs/delivery: publisher, receiver and Redis together'],
    }),
};
