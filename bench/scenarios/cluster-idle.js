import { setTimeout as delay } from 'node:timers/promises';
import { median } from '../support/statistics.js';

/** The cost of idle nodes: their leases. */
export default {
  suite: 'cluster',
  name: 'idle',
  title: 'Nothing happens on five nodes, per node and second',

  /** @type {import('../support/run.js').Run} */
  async run({ isQuick, clusterOf }) {
    const seconds = isQuick ? 4 : 10;
    const cluster = await clusterOf(5);
    /** @type {Awaited<ReturnType<typeof cluster.measure>> | undefined} */
    let measured;
    const commands = await cluster.redis.count(async () => {
      measured = await cluster.measure(() => delay(seconds * 1_000));
    });
    const { nodes, redis } = /** @type {NonNullable<typeof measured>} */ (measured);
    const each = nodes.length * seconds;
    const { sent, inScripts } = commands.leases;
    return {
      rows: [
        {
          label: 'one node',
          values: {
            commands: sent / each,
            'in scripts': inScripts / each,
            'bytes in': Math.round(redis.redisWritten / each),
            'bytes out': Math.round(redis.redisRead / each),
            // The median, because now and then one node collects garbage.
            'node µs': Math.round(median(nodes.map(({ cpuUs }) => cpuUs)) / seconds),
            'redis µs, for all': Math.round(redis.cpuUs / seconds),
          },
        },
      ],
    };
  },
};
