import { namesOf, steadyOf, sumOf } from '../support/command-count.js';
import { interleave, medians } from '../support/statistics.js';

/** The pause between two members who leave: a node would send both in one command while it waits for Redis. */
const PAUSE_MS = 20;
const LEAVES = [
  { how: 'leaves', isDeliberate: true },
  { how: 'is lost', isDeliberate: false },
];

/** Members who join on two nodes in turn, one after the other, and leave. */
export default {
  suite: 'cluster',
  name: 'churn',
  title:
    'A member comes (signin, a presence channel with others, a private channel of its own) and goes, per member',

  /** @type {import('../support/run.js').Run} */
  async run({ isQuick, rounds, clusterOf, load }) {
    const cluster = await clusterOf(2);
    const members = isQuick ? 20 : 40;
    let visits = 0;

    /**
     * @param {boolean} isDeliberate
     * @param {(work: () => Promise<unknown>) => Promise<any>} observe
     */
    const visit = async (isDeliberate, observe) => {
      visits++;
      const guests = await load.guests();
      const invitations = Array.from({ length: members }, (_, index) => ({
        url: cluster.node(index % 2).url,
        memberId: `member-${index}`,
        isSignedIn: true,
        channels: [`presence-visit-${visits}`, `private-visit-${visits}-${index}`],
      }));
      const come = await observe(async () => {
        await guests.arrive({ invitations });
        await guests.enter({ isInTurn: true });
      });
      const go = await observe(async () => {
        await guests.leave({ isDeliberate, pauseMs: PAUSE_MS });
        await cluster.untilEmpty();
      });
      return { come, go };
    };

    const costs = await interleave(rounds, LEAVES, async ({ isDeliberate }) => {
      const { come, go } = await visit(isDeliberate, (work) => cluster.measure(work));
      return { come: costOf(come, members), go: costOf(go, members) };
    });
    const counts = await interleave(1, LEAVES, ({ isDeliberate }) =>
      visit(isDeliberate, (work) => cluster.redis.count(work)),
    );

    const steps = [
      { label: 'comes', of: costs.flat().map(({ come }) => come), commands: counts[0]?.[0]?.come },
      ...LEAVES.map(({ how }, index) => ({
        label: how,
        of: (costs[index] ?? []).map(({ go }) => go),
        commands: counts[index]?.[0]?.go,
      })),
    ];
    return {
      rows: steps.map(({ label, of, commands }) => {
        const cost = medians(of);
        return {
          label,
          values: {
            commands: sumOf(commands.sent) / members,
            'in scripts': sumOf(commands.inScripts) / members,
            'bytes in': Math.round(cost.bytesToRedis),
            'bytes out': Math.round(cost.bytesFromRedis),
            'nodes µs': Math.round(cost.nodesUs),
            // While they leave, the bench itself asks Redis repeatedly whether they have left.
            ...(label === 'comes' && { 'redis µs': Math.round(cost.redisUs) }),
          },
        };
      }),
      notes: steps.flatMap(({ label, commands }) => [
        `Commands, ${label}: ${namesOf(commands.sent, members)}`,
        `  in scripts: ${namesOf(commands.inScripts, members)}`,
      ]),
      checks: steps.flatMap(({ label, of, commands }) => [
        {
          name: `churn: commands but (un)subscribe, a member ${label}`,
          kind: 'count',
          value: steadyOf(commands.sent) / members,
        },
        {
          name: `churn: commands in scripts, a member ${label}`,
          kind: 'count',
          value: sumOf(commands.inScripts) / members,
        },
        {
          name: `churn: bytes, a member ${label}`,
          kind: 'bytes',
          value: medians(of).bytesToRedis + medians(of).bytesFromRedis,
        },
      ]),
    };
  },
};

/**
 * @param {Awaited<ReturnType<import('../support/cluster.js').Cluster['measure']>>} measured
 * @param {number} members
 */
function costOf({ nodes, redis }, members) {
  return {
    nodesUs: nodes.reduce((sum, { cpuUs }) => sum + cpuUs, 0) / members,
    redisUs: redis.cpuUs / members,
    bytesToRedis: redis.redisWritten / members,
    bytesFromRedis: redis.redisRead / members,
  };
}
