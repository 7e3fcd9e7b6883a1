import { Cluster } from '../support/cluster.js';
import { compared } from '../support/comparison.js';
import { OURS } from '../support/contenders.js';
import { FRAME_BYTES, memberOf } from '../support/events.js';
import { HISTORY } from '../support/history-pairs.js';
import { interleave } from '../support/statistics.js';

const MEMBER = memberOf(0);
/** With few in flight, most of the cost is that of waking three processes up, again and again. */
const IN_FLIGHT = 64;

/** A relay of one node to a member on another node, over Redis, with history and without. */
export default {
  suite: 'history',
  name: 'cluster-relay',
  title: 'A relay to one member on another node, with history and without, CPU of both nodes per relay',

  /** @type {import('../support/run.js').Run} */
  async run({ load, isQuick, rounds, buildUrl }) {
    const total = isQuick ? 2_000 : 4_000;
    const setups = [];
    for (const [name, env] of /** @type {const} */ ([
      [OURS, HISTORY],
      ['without history', {}],
    ])) {
      const cluster = await Cluster.start(2, buildUrl, env);
      const audience = await load.audience();
      await audience.open({ nodes: [{ url: cluster.node(1).url, count: 1 }], memberId: MEMBER });
      setups.push({ name, cluster, audience });
    }

    /** @param {(typeof setups)[number]} setup */
    const round = async ({ cluster, audience }) => {
      const { caller } = cluster.node(0);
      await Promise.all([
        audience.begin({ bytes: FRAME_BYTES }),
        caller.dispatch('prepare', { members: 1, bytes: FRAME_BYTES }),
      ]);
      const { nodes, redis } = await cluster.measure(() =>
        Promise.all([
          caller.dispatch('relay', { memberId: MEMBER, total, inFlight: IN_FLIGHT }),
          audience.heard({ total }),
        ]),
      );
      return {
        nodes: nodes.reduce((sum, { cpuUs }) => sum + cpuUs, 0) / total,
        redis: redis.cpuUs / total,
      };
    };

    for (const setup of setups) await round(setup);
    const measured = await interleave(2 * rounds, setups, round);
    for (const { audience, cluster } of setups) {
      await audience.close();
      await cluster.close();
    }
    const of = (/** @type {(cost: { nodes: number, redis: number }) => number} */ figure) =>
      measured.map((costs) => costs.map(figure));
    const nodes = compared(
      'cluster relay',
      'nodes µs/relay',
      setups,
      of((cost) => cost.nodes),
      'nodes, with/its',
    );
    const all = compared(
      'cluster relay with Redis',
      'all µs/relay',
      setups,
      of((cost) => cost.nodes + cost.redis),
      'all, with/its',
    );
    return {
      rows: nodes.rows.map(({ label, values }, index) => ({
        label,
        values: { ...values, ...all.rows[index]?.values },
      })),
      checks: [...nodes.checks, ...all.checks],
    };
  },
};
