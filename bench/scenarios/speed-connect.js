import { setTimeout as delay } from 'node:timers/promises';
import { compared } from '../support/comparison.js';
import { audiences, CHANNEL } from '../support/setups.js';
import { interleave } from '../support/statistics.js';

/** The wait until servers have released the clients that left. */
const GONE_MS = 100;

/** Many clients that connect and subscribe, fifty at a time. */
export default {
  suite: 'speed',
  name: 'connect',
  title: 'Connecting and subscribing to a private channel, CPU of the server per connection',

  /** @type {import('../support/run.js').Run} */
  async run({ rounds, isQuick, pairs }) {
    const contenders = await pairs();
    const count = isQuick ? 1_000 : 2_000;

    /** @param {(typeof contenders)[number]} contender */
    const round = async (contender) => {
      const { cpuUs, result } = await contender.server.measure(() =>
        audiences([contender], { count, channels: [CHANNEL] }),
      );
      for (const { close } of result) await close();
      await delay(GONE_MS);
      return cpuUs / count;
    };

    for (const contender of contenders) await round(contender);
    const measured = await interleave(rounds, contenders, round);
    return compared('connect', 'µs/connection', contenders, measured);
  },
};
