import { growthScenario } from '../support/growth.js';
import { GrowthApp } from '../support/growth-app.js';
import { Provider } from '../support/provider.js';
import { until } from '../support/until.js';

const MEMBERS = 50;
const MORE = 50;

/** Dead letters, when as many are kept as may be. */
export default growthScenario({
  name: 'dead-letters',
  title: 'One dead letter more when so many are kept, which is the maximum; and the removal of all',
  sizes: [10, 100, 1_000, 5_000],
  figures: [
    { name: 'Redis commands for one more', floor: 1 },
    { name: 'Redis ms for one more', floor: 0.2, isChecked: false },
    { name: 'Redis commands to remove all', floor: 1 },
  ],
  start: async ({ buildUrl, redis, keep }) => {
    const provider = keep(await Provider.start());
    provider.answerWith(400);
    return async (letters) => {
      const app = await GrowthApp.start(buildUrl, {
        ...provider.env,
        SOCKET_DELIVERY: 'queue',
        SOCKET_REDIS_URL: redis.url,
        SOCKET_REDIS_PREFIX: `letters-${letters}`,
        SOCKET_MAX_DEAD_LETTERS: String(letters),
        SOCKET_MAX_WAITING_RELAYS: '0',
        SOCKET_MAX_WAITING_BYTES: '0',
      });
      /** @param {number} relays */
      const die = async (relays) => {
        await app.caller.dispatch('relays', { relays, members: MEMBERS });
        await until('all relays are dead letters', async () => {
          const { delivery } = await app.caller.dispatch('health');
          return delivery.waiting === 0;
        });
      };
      await die(letters);
      const cpuBefore = await redis.cpuUs();
      const one = await redis.account(() => die(MORE));
      const cpuUs = (await redis.cpuUs()) - cpuBefore;
      const all = await redis.account(() =>
        app.caller.dispatch('command', { words: ['dead-letters', 'remove', '--all'] }),
      );
      await app.close();
      return {
        'Redis commands for one more': one.commands / MORE,
        'Redis ms for one more': cpuUs / 1_000 / MORE,
        'Redis commands to remove all': all.commands,
      };
    };
  },
});
