import { EVENT } from '../support/events.js';
import { growthScenario } from '../support/growth.js';
import { GrowthApp } from '../support/growth-app.js';

/** Shorter than a node waits for an answer of Redis. */
const PAUSE_MS = 1_000;
const CLIENTS_AT_ONCE = 1_000;

/** Events that wait until a subscription is answered, and many clients that subscribe at once. */
export default growthScenario({
  name: 'join-wait',
  title: 'So many relays while Redis does not answer a join; and so many subscriptions at once, on two nodes',
  sizes: [1, 10, 100, 1_000, 10_000],
  figures: [
    { name: 'longest turn with relays, ms', floor: 50 },
    { name: 'longest turn with subscriptions, ms', floor: 50 },
  ],
  start: async ({ buildUrl, redis, keep }) => {
    const [app, other] = await GrowthApp.cluster(buildUrl, redis, 2);
    if (app === undefined || other === undefined) throw new Error('There are no nodes.');
    keep(app);
    keep(other);
    const clients = await app.clients(CLIENTS_AT_ONCE);
    return async (size) => {
      const channel = `private-behind-${size}`;
      const client = await app.client();
      const relays = await app.longestTurnMs(async () => {
        await redis.client.call('CLIENT', 'PAUSE', PAUSE_MS, 'ALL');
        const joined = client.subscribe(channel);
        await app.caller.dispatch('relaysToChannel', { relays: size, channel, event: EVENT });
        await joined;
      });
      const subscriptions = await app.longestTurnMs(() =>
        Promise.all(
          Array.from({ length: size }, (_, index) =>
            clients[index % clients.length]?.subscribe(`private-many-${size}-${index}`),
          ),
        ),
      );
      return {
        'longest turn with relays, ms': relays,
        'longest turn with subscriptions, ms': subscriptions,
      };
    };
  },
});
