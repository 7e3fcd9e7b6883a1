import { memberOf } from '../support/events.js';
import { growthScenario } from '../support/growth.js';
import { GrowthApp } from '../support/growth-app.js';

/** Members join presence channels at once, each one of its own. */
export default growthScenario({
  name: 'presence-storm',
  title: 'So many members come at once, each to one of as many presence channels, on two nodes',
  sizes: [1, 10, 100, 1_000],
  figures: [
    { name: 'Redis commands', floor: 1 },
    { name: 'bytes to Redis', floor: 1 },
  ],
  start: async ({ buildUrl, redis, keep }) => {
    const apps = await GrowthApp.cluster(buildUrl, redis, 2);
    for (const app of apps) keep(app);
    return async (members) => {
      const guests = [];
      for (const app of apps) guests.push(...(await app.clients(Math.ceil(members / apps.length))));
      const { commands, bytesIn } = await redis.account(() =>
        Promise.all(
          guests
            .slice(0, members)
            .map((client, index) => client.subscribe(`presence-${members}-${index}`, memberOf(index))),
        ),
      );
      return { 'Redis commands': commands, 'bytes to Redis': bytesIn };
    };
  },
});
