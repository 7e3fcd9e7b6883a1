import { namesOf, sumOf } from '../support/command-count.js';
import { paddingFor } from '../support/events.js';
import { costOf, growthOf, rowOf } from '../support/fan-out.js';
import { interleave, medians } from '../support/statistics.js';

const CHANNEL = 'broadcast';
const SUBSCRIBERS = 1_000;
const IN_FLIGHT = [1, 8];

/** Half of the subscribers on the node that publishes, half on the second one, and none on the others. */
export default {
  suite: 'cluster',
  name: 'broadcast',
  title: `A broadcast to ${SUBSCRIBERS} subscribers on two nodes, per broadcast`,

  /** @type {import('../support/run.js').Run} */
  async run({ isQuick, rounds, clusterOf, load }) {
    const padding = paddingFor(CHANNEL);
    const sizes = isQuick ? [2, 5] : [2, 3, 5];
    const setups = [];
    for (const size of sizes) {
      const cluster = await clusterOf(size);
      const audience = await load.audience();
      const nodes = [0, 1].map((index) => ({ url: cluster.node(index).url, count: SUBSCRIBERS / 2 }));
      await audience.open({ nodes, channels: [CHANNEL] });
      for (const inFlight of IN_FLIGHT) setups.push({ size, cluster, audience, inFlight });
    }

    /** @param {(typeof setups)[number]} setup @param {number} total */
    const broadcast = async ({ cluster, audience, inFlight }, total) => {
      const { caller, controlPort } = cluster.node(0);
      await Promise.all([audience.begin(), caller.call('prepare', { padding })]);
      return () => audience.drive({ total, inFlight, controlPort });
    };

    const total = isQuick ? 24 : 32;
    for (const setup of setups) await (await broadcast(setup, total))();
    const costs = await interleave(2 * rounds, setups, async (setup) =>
      costOf(await setup.cluster.measure(await broadcast(setup, total)), total),
    );
    const counted = 16;
    const commands = await interleave(1, setups, async (setup) =>
      setup.cluster.redis.count(await broadcast(setup, counted)),
    );
    for (const { cluster, audience } of setups.filter(({ inFlight }) => inFlight === IN_FLIGHT[0])) {
      await audience.close();
      await cluster.untilEmpty();
    }

    const results = setups.map(({ size, inFlight }, index) => ({
      size,
      inFlight,
      rounds: costs[index] ?? [],
      cost: medians(costs[index] ?? []),
      commands: /** @type {import('../support/command-count.js').Commands} */ (commands[index]?.[0]),
    }));
    const of = (/** @type {number} */ size, /** @type {number} */ inFlight) =>
      /** @type {(typeof results)[number]} */ (
        results.find((result) => result.size === size && result.inFlight === inFlight)
      );
    return {
      rows: results.map(({ size, inFlight, cost, commands: sent }) => {
        const row = rowOf(`${size - 2} uninterested, ${inFlight} in flight`, cost, sent, counted, size > 2);
        return { ...row, values: { ...row.values, 'µs/delivery': cost.busyUs / SUBSCRIBERS } };
      }),
      notes: [
        `Commands: ${namesOf(of(5, 1).commands.sent, counted)}`,
        'µs/delivery: publisher, receiver and Redis together',
      ],
      checks: [
        ...sizes.map((size) => ({
          name: `broadcast: commands with ${size} nodes`,
          kind: /** @type {const} */ ('count'),
          value: (sumOf(of(size, 1).commands.sent) + sumOf(of(size, 1).commands.inScripts)) / counted,
        })),
        {
          name: 'broadcast: bytes to and from Redis',
          kind: 'bytes',
          value: of(2, 8).cost.bytesToRedis + of(2, 8).cost.bytesFromRedis,
        },
        ...IN_FLIGHT.flatMap((inFlight) =>
          growthOf(`broadcast, ${inFlight} in flight`, of(2, inFlight).rounds, of(5, inFlight).rounds),
        ),
      ],
    };
  },
};
