import { memberOf } from '../support/events.js';
import { growthScenario } from '../support/growth.js';
import { GrowthApp } from '../support/growth-app.js';

/** Fewer than a client may do in a second. */
const TIMES = 5;

/** A client that signs in again and again with the same watchlist. */
export default growthScenario({
  name: 'watchlist',
  title: 'A client signs in once more with the watchlist that it has, of so many users, on two nodes',
  sizes: [1, 10, 50, 100],
  figures: [{ name: 'Redis commands', floor: 15 }],
  start: async ({ buildUrl, redis, keep }) => {
    const [app, other] = await GrowthApp.cluster(buildUrl, redis, 2);
    if (app === undefined || other === undefined) throw new Error('There are no nodes.');
    keep(app);
    keep(other);
    return async (users) => {
      const watchlist = Array.from({ length: users }, (_, index) => memberOf(index));
      const client = await app.client();
      const signIn = () => client.signIn(`watcher-${users}`, watchlist);
      await signIn();
      const { commands } = await redis.account(async () => {
        for (let time = 0; time < TIMES; time++) await signIn();
      });
      return { 'Redis commands': commands / TIMES };
    };
  },
});
