import { growthScenario } from '../support/growth.js';
import { GrowthApp } from '../support/growth-app.js';

const PAYLOAD_BYTES = 9_000;

/** One relay to many members, of whom nobody is connected. */
export default growthScenario({
  name: 'relay-members',
  title: `One relay of ${PAYLOAD_BYTES} bytes to so many members, on two nodes and on one`,
  sizes: [1, 10, 100, 1_000, 10_000, 50_000],
  figures: [
    { name: 'bytes to Redis', floor: 1 },
    { name: 'longest turn, ms', floor: 10 },
    { name: 'longest turn on one node, ms', floor: 10 },
    { name: 'lost', floor: 1 },
  ],
  start: async ({ buildUrl, redis, keep }) => {
    const [app, other] = await GrowthApp.cluster(buildUrl, redis, 2);
    const alone = keep(await GrowthApp.start(buildUrl));
    if (app === undefined || other === undefined) throw new Error('There are no nodes.');
    keep(app);
    keep(other);
    return async (members) => {
      const relay = { members, bytes: PAYLOAD_BYTES };
      let longest = 0;
      let lost = 0;
      const { bytesIn } = await redis.account(async () => {
        longest = await app.longestTurnMs(async () => {
          ({ lost } = await app.caller.dispatch('relayToMembers', relay));
        });
      });
      return {
        'bytes to Redis': bytesIn,
        'longest turn, ms': longest,
        'longest turn on one node, ms': await alone.longestTurnMs(() =>
          alone.caller.dispatch('relayToMembers', relay),
        ),
        lost,
      };
    };
  },
});
