import { growthScenario } from '../support/growth.js';
import { GrowthApp } from '../support/growth-app.js';
import { Provider } from '../support/provider.js';
import { until } from '../support/until.js';

const MEMBERS = 1_000;

/** Relays wait in memory for a provider that is down, and comes back. */
export default growthScenario({
  name: 'retry',
  title: 'So many relays wait in memory for a provider that returns',
  sizes: [10, 100, 1_000, 10_000, 50_000],
  figures: [{ name: 'longest turn, ms', floor: 50 }],
  start: async ({ buildUrl, keep }) => {
    const provider = keep(await Provider.start());
    const app = keep(
      await GrowthApp.start(buildUrl, {
        ...provider.env,
        SOCKET_RETRY_DEADLINE_MS: '600000',
        SOCKET_MAX_WAITING_RELAYS: '0',
        SOCKET_MAX_WAITING_BYTES: '0',
      }),
    );
    return async (relays) => {
      provider.answerWith(503);
      const waiting = async () => (await app.caller.dispatch('health')).delivery.waiting;
      await app.caller.dispatch('relays', { relays, members: MEMBERS });
      await until('all relays wait', async () => (await waiting()) >= relays);
      return {
        'longest turn, ms': await app.longestTurnMs(async () => {
          provider.answerWith(200);
          await until('all relays are sent', async () => (await waiting()) === 0);
        }),
      };
    };
  },
});
