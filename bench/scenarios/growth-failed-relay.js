import { growthScenario } from '../support/growth.js';
import { GrowthApp } from '../support/growth-app.js';
import { Provider } from '../support/provider.js';

/** One relay to many members, of which the provider refuses every second request. */
export default growthScenario({
  name: 'failed-relay',
  title: 'One relay to so many members that fails for half of them: what is logged, and said in the receipt',
  sizes: [1, 10, 100, 1_000, 10_000],
  figures: [
    { name: 'characters logged', floor: 1 },
    { name: 'characters of the error', floor: 1 },
  ],
  start: async ({ buildUrl, keep }) => {
    const provider = keep(await Provider.start());
    provider.answerWith(400, 200);
    const app = keep(await GrowthApp.start(buildUrl, provider.env));
    return async (members) => {
      const before = await app.caller.dispatch('logged');
      const { errorCharacters } = await app.caller.dispatch('relayToMembers', { members, bytes: 10 });
      const after = await app.caller.dispatch('logged');
      return { 'characters logged': after - before, 'characters of the error': errorCharacters };
    };
  },
});
