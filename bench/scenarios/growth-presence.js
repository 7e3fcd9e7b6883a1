import { memberOf } from '../support/events.js';
import { growthScenario } from '../support/growth.js';
import { GrowthApp } from '../support/growth-app.js';

const CHANNEL = 'presence-growth';
/** So many join at once while the channel is filled. */
const AT_ONCE = 50;
const NEWCOMERS = 10;

/** Some more members of a presence channel of many. */
export default growthScenario({
  name: 'presence',
  title: `${NEWCOMERS} more members join a presence channel of so many at once, on two nodes, for each of them`,
  sizes: [2, 10, 100, 1_000, 2_000],
  figures: [
    { name: 'bytes out of Redis', floor: 1 },
    { name: 'bytes to Redis', floor: 1 },
    { name: 'Redis commands', floor: 1 },
  ],
  start: async ({ buildUrl, redis, keep }) => {
    const apps = await GrowthApp.cluster(buildUrl, redis, 2);
    for (const app of apps) keep(app);
    let present = 0;
    const join = async () => {
      const app = /** @type {GrowthApp} */ (apps[present % apps.length]);
      const id = memberOf(present++);
      const client = await app.client();
      return async () => client.subscribe(CHANNEL, id);
    };
    return async (members) => {
      while (present < members) {
        const some = Math.min(AT_ONCE, members - present);
        const joins = await Promise.all(Array.from({ length: some }, join));
        await Promise.all(joins.map((enter) => enter()));
      }
      const newcomers = await Promise.all(Array.from({ length: NEWCOMERS }, join));
      const { commands, bytesIn, bytesOut } = await redis.account(() =>
        Promise.all(newcomers.map((enter) => enter())),
      );
      return {
        'bytes out of Redis': bytesOut / NEWCOMERS,
        'bytes to Redis': bytesIn / NEWCOMERS,
        'Redis commands': commands / NEWCOMERS,
      };
    };
  },
});
