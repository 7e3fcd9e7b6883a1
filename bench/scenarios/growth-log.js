import { growthScenario } from '../support/growth.js';
import { GrowthApp } from '../support/growth-app.js';

const MEMBERS = 1_000;

/** Relays while Redis is gone. */
export default growthScenario({
  name: 'log',
  title: 'So many relays fail because Redis is gone: what is logged',
  sizes: [1, 10, 100, 1_000, 10_000],
  figures: [{ name: 'characters logged', floor: 1_000 }],
  start: async ({ buildUrl, redis, keep }) => {
    const [app] = await GrowthApp.cluster(buildUrl, redis, 1);
    if (app === undefined) throw new Error('There is no node.');
    keep(app);
    await redis.stop();
    return async (relays) => {
      const before = await app.caller.dispatch('logged');
      const { failed } = await app.caller.dispatch('relays', { relays, members: MEMBERS });
      if (failed === 0) throw new Error('No relay failed.');
      return { 'characters logged': (await app.caller.dispatch('logged')) - before };
    };
  },
});
