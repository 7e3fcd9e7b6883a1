import { growthScenario } from '../support/growth.js';
import { GrowthApp } from '../support/growth-app.js';

const CHANNEL = 'public-storm';

/** One client that subscribes and unsubscribes as fast as it can. */
export default growthScenario({
  name: 'subscribe-storm',
  title:
    'A client subscribes to a public channel and unsubscribes, so many times without waiting, on two nodes',
  sizes: [1, 10, 100, 1_000, 10_000],
  figures: [
    { name: 'Redis commands', floor: 1 },
    { name: 'longest turn, ms', floor: 10, isChecked: false },
  ],
  start: async ({ buildUrl, redis, keep }) => {
    const [app, other] = await GrowthApp.cluster(buildUrl, redis, 2);
    if (app === undefined || other === undefined) throw new Error('There are no nodes.');
    keep(app);
    keep(other);
    const client = await app.client();
    return async (times) => {
      let longest = 0;
      const { commands } = await redis.account(async () => {
        longest = await app.longestTurnMs(async () => {
          for (let time = 0; time < times; time++) {
            void client.subscribe(CHANNEL);
            client.unsubscribe(CHANNEL);
          }
          // It is answered after all of that.
          await client.subscribe(`${CHANNEL}-${times}`);
        });
      });
      return { 'Redis commands': commands, 'longest turn, ms': longest };
    };
  },
});
