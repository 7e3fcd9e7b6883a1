import { namesOf, sumOf } from '../support/command-count.js';
import { interleave, median } from '../support/statistics.js';

const MEMBERS = 100;

/** The most members of a presence channel join it at the same moment, on two nodes. */
export default {
  suite: 'cluster',
  name: 'storm',
  title: `${MEMBERS} members join one presence channel on two nodes at once, per member`,

  /** @type {import('../support/run.js').Run} */
  async run({ rounds, clusterOf, load }) {
    const cluster = await clusterOf(2);
    let storms = 0;

    /** @param {(work: () => Promise<number>) => Promise<any>} observe */
    const storm = async (observe) => {
      storms++;
      const guests = await load.guests();
      const invitations = Array.from({ length: MEMBERS }, (_, index) => ({
        url: cluster.node(index % 2).url,
        memberId: `member-${index}`,
        channels: [`presence-storm-${storms}`],
      }));
      await guests.arrive({ invitations });
      let milliseconds = 0;
      const observed = await observe(async () => (milliseconds = await guests.enter({ isInTurn: false })));
      await guests.leave({ isDeliberate: true });
      await cluster.untilEmpty();
      return { observed, milliseconds };
    };

    const measured = (await interleave(rounds, [0], () => storm((work) => cluster.measure(work)))).flat();
    const counted = (await interleave(rounds, [0], () => storm((work) => cluster.redis.count(work)))).flat();
    const of = (/** @type {(round: any) => number} */ figure) => median(measured.map(figure)) / MEMBERS;
    const commands = (/** @type {'sent' | 'inScripts'} */ which) =>
      median(counted.map(({ observed }) => sumOf(observed[which]))) / MEMBERS;
    return {
      rows: [
        {
          label: 'at once',
          values: {
            commands: commands('sent'),
            'in scripts': commands('inScripts'),
            'bytes in': Math.round(of(({ observed }) => observed.redis.redisWritten)),
            'bytes out': Math.round(of(({ observed }) => observed.redis.redisRead)),
            'nodes µs': Math.round(of(({ observed }) => observed.nodes[0].cpuUs + observed.nodes[1].cpuUs)),
            'redis µs': Math.round(of(({ observed }) => observed.redis.cpuUs)),
            'all, ms': Math.round(median(measured.map(({ milliseconds }) => milliseconds))),
          },
        },
      ],
      notes: [`Commands: ${namesOf(counted[0]?.observed.sent ?? {}, MEMBERS)}`],
    };
  },
};
