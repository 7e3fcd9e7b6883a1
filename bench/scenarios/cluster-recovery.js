import { setTimeout as delay } from 'node:timers/promises';
import { namesOf, steadyOf, sumOf } from '../support/command-count.js';
import { contentOf, untilRestored } from '../support/content.js';
import { median } from '../support/statistics.js';

const CONNECTIONS = 25;
/** The wait for the last commands of the nodes, after all of them have restored the lost data. */
const NEWS_MS = 1_500;

/** The recovery after Redis is killed and starts again, empty. */
export default {
  suite: 'cluster',
  name: 'recovery',
  title: 'Redis comes back empty to two nodes, per channel',

  /** @type {import('../support/run.js').Run} */
  async run({ isQuick, startCluster, load }) {
    const perConnection = isQuick ? 20 : 100;
    const cluster = await startCluster(2);
    const { redis } = cluster;
    /** @type {{ audience: Awaited<ReturnType<typeof load.audience>>, channels: string[],
     *   other: ReturnType<typeof cluster.node> }[]} */
    const audiences = [];
    for (let index = 0; index < 2 * CONNECTIONS; index++) {
      const audience = await load.audience();
      const channels = Array.from({ length: perConnection }, (_, at) => `private-room-${index}-${at}`);
      await audience.open({ nodes: [{ url: cluster.node(index % 2).url, count: 1 }], channels });
      audiences.push({ audience, channels, other: cluster.node((index + 1) % 2) });
    }
    const total = audiences.length * perConnection;
    const full = await contentOf(redis.client);

    /** @param {(work: () => Promise<unknown>) => Promise<any>} observe */
    const restore = async (observe) => {
      await redis.stop();
      let milliseconds = 0;
      const observed = await observe(async () => {
        milliseconds = await untilRestored(redis.client, full);
        await delay(NEWS_MS);
      });
      // Each node gets the other node's events again.
      for (const { audience, channels, other } of audiences) {
        await Promise.all([audience.begin(), other.caller.dispatch('prepare', {})]);
        await other.caller.dispatch('relayToChannels', { channels });
        await audience.heard({ total: channels.length });
      }
      return { observed, milliseconds };
    };

    const counted = await restore(async (work) => {
      await redis.resume();
      return redis.count(work);
    });
    /** @type {any[]} */
    const measured = [];
    for (let round = 0; round < (isQuick ? 1 : 3); round++) {
      measured.push(
        await restore((work) =>
          cluster.measure(async () => {
            await redis.resume();
            await work();
          }),
        ),
      );
    }
    await Promise.all(audiences.map(({ audience }) => audience.close()));
    const of = (/** @type {(round: any) => number} */ figure) => median(measured.map(figure));
    const { sent, inScripts } = counted.observed;
    return {
      rows: [
        {
          label: `${total} channels`,
          values: {
            commands: sumOf(sent) / total,
            'in scripts': sumOf(inScripts) / total,
            'bytes in': Math.round(of(({ observed }) => observed.redis.redisWritten) / total),
            'bytes out': Math.round(of(({ observed }) => observed.redis.redisRead) / total),
            'nodes µs': of(({ observed }) => observed.nodes[0].cpuUs + observed.nodes[1].cpuUs) / total,
            'redis µs': of(({ observed }) => observed.redis.cpuUs) / total,
            'all, ms': Math.round(of(({ milliseconds }) => milliseconds)),
          },
        },
      ],
      notes: [`Commands: ${namesOf(sent, total)}`],
      checks: [
        {
          name: 'recovery: commands but subscribe, per channel',
          kind: 'count',
          value: steadyOf(sent) / total,
        },
        { name: 'recovery: commands in scripts per channel', kind: 'count', value: sumOf(inScripts) / total },
      ],
    };
  },
};
