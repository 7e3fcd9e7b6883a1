import { growthScenario } from '../support/growth.js';
import { GrowthApp } from '../support/growth-app.js';
import { signedGet } from '../support/signed-request.js';

/** So many are subscribed to before the node is waited for. */
const AT_ONCE = 500;

/** `GET /channels` over the HTTP API. */
export default growthScenario({
  name: 'channels',
  title: 'GET /channels with so many channels, on two nodes and on one',
  sizes: [1, 10, 100, 1_000, 10_000],
  figures: [
    { name: 'Redis commands', floor: 1 },
    { name: 'longest turn, ms', floor: 10 },
    { name: 'longest turn on one node, ms', floor: 10 },
  ],
  start: async ({ buildUrl, redis, keep }) => {
    const [app, other] = await GrowthApp.cluster(buildUrl, redis, 2);
    const alone = await GrowthApp.start(buildUrl);
    if (app === undefined || other === undefined) throw new Error('There are no nodes.');
    for (const each of [app, other, alone]) keep(each);
    const fillings = await Promise.all([app, alone].map(filling));
    return async (size) => {
      for (const fill of fillings) await fill(size);
      let longest = 0;
      const { commands } = await redis.account(async () => {
        longest = await app.longestTurnMs(() => list(app.port, size));
      });
      return {
        'Redis commands': commands,
        'longest turn, ms': longest,
        'longest turn on one node, ms': await alone.longestTurnMs(() => list(alone.port, size)),
      };
    };
  },
});

/** Subscribes a client to more and more channels. @param {GrowthApp} app */
async function filling(app) {
  const client = await app.client();
  let filled = 0;
  return async (/** @type {number} */ size) => {
    while (filled < size) {
      const some = Math.min(AT_ONCE, size - filled);
      await Promise.all(Array.from({ length: some }, () => client.subscribe(`channel-${filled++}`)));
    }
  };
}

/** @param {number} port @param {number} expected */
async function list(port, expected) {
  const { channels } = await signedGet(port, 'channels');
  const found = Object.keys(channels).length;
  if (found !== expected) throw new Error(`${found} channels were listed, and there are ${expected}.`);
}
