import { namesOf, sumOf } from '../support/command-count.js';
import { paddingFor } from '../support/events.js';
import { costOf, growthOf, rowOf } from '../support/fan-out.js';
import { interleave, medians } from '../support/statistics.js';

const MEMBER = 'ada';
const IN_FLIGHT = [1, 8];

/** One member on the second node, to whom the first relays. */
export default {
  suite: 'cluster',
  name: 'relay',
  title: 'A relay to one member on another node, per relay',

  /** @type {import('../support/run.js').Run} */
  async run({ isQuick, rounds, clusterOf, load }) {
    const padding = paddingFor(`#server-to-user-${MEMBER}`);
    const sizes = isQuick ? [2, 5] : [2, 3, 5];
    const setups = [];
    for (const size of sizes) {
      const cluster = await clusterOf(size);
      const audience = await load.audience();
      await audience.open({ nodes: [{ url: cluster.node(1).url, count: 1 }], memberId: MEMBER });
      for (const inFlight of IN_FLIGHT) setups.push({ size, cluster, audience, inFlight });
    }

    /** @param {(typeof setups)[number]} setup @param {number} total */
    const relay = async ({ cluster, audience, inFlight }, total) => {
      const { caller } = cluster.node(0);
      await Promise.all([audience.begin(), caller.call('prepare', { padding })]);
      return async () => {
        await Promise.all([
          caller.call('relay', { memberId: MEMBER, total, inFlight }),
          audience.heard({ total }),
        ]);
      };
    };

    const total = isQuick ? 2_000 : 4_000;
    for (const setup of setups) await (await relay(setup, total))();
    const costs = await interleave(3 * rounds, setups, async (setup) =>
      costOf(await setup.cluster.measure(await relay(setup, total)), total),
    );
    const counted = 200;
    const commands = await interleave(1, setups, async (setup) =>
      setup.cluster.redis.count(await relay(setup, counted)),
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
      rows: results.map(({ size, inFlight, cost, commands: sent }) =>
        rowOf(`${size} nodes, ${inFlight} in flight`, cost, sent, counted, size > 2),
      ),
      notes: [`Commands: ${namesOf(of(5, 1).commands.sent, counted)}`],
      checks: [
        ...sizes.map((size) => ({
          name: `relay: commands with ${size} nodes`,
          kind: /** @type {const} */ ('count'),
          value: (sumOf(of(size, 1).commands.sent) + sumOf(of(size, 1).commands.inScripts)) / counted,
        })),
        {
          name: 'relay: bytes to and from Redis',
          kind: 'bytes',
          value: of(2, 8).cost.bytesToRedis + of(2, 8).cost.bytesFromRedis,
        },
        ...IN_FLIGHT.flatMap((inFlight) =>
          growthOf(`relay, ${inFlight} in flight`, of(2, inFlight).rounds, of(5, inFlight).rounds),
        ),
      ],
    };
  },
};
