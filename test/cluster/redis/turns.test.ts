import { ChaosProxy } from '../../support/chaos-proxy.js';
import { EngineNode } from '../../support/cluster/engines.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';
import { startRedis } from '../../support/redis.js';
import { turnsUntil } from '../../support/turns.js';

// That the event loop turns while many messages are sent, and that nothing is lost or overtaken for it.

const MANY = 16_000;
/** A machine that is very busy makes so many calls in one turn before Redis is taken for silent. */
const IN_TIME = 6_000;
/** So many messages are under way at a time, and their answers come in a later turn. */
const AT_ONCE = 128;

test('six thousand relays of one turn, behind a join, arrive in the order of the calls, and the loop turns meanwhile', async () => {
  const redis = await startRedis();
  const [one, two] = await EngineNode.two(redis.url);
  const ada = two.connects();
  await ada.isSignedIn({ id: 'ada' });
  await redis.client().call('CLIENT', 'PAUSE', 500, 'ALL');
  const newcomer = one.connects();
  newcomer.signsIn({ id: 'ada' });
  const turns = await turnsUntil(
    Promise.all(
      Array.from({ length: IN_TIME }, async (_, n) => {
        await one.engine.publish('#server-to-user-ada', 'NEWS', `${n}`);
      }),
    ),
  );
  await eventually(SETTLED_MS, () => {
    expect(ada.frames('NEWS')).toHaveLength(IN_TIME);
    expect(newcomer.frames('pusher:signin_success')).toHaveLength(1);
  });
  expect(ada.frames('NEWS').map(({ data }) => data)).toEqual(Array.from({ length: IN_TIME }, (_, n) => n));
  expect(turns).toBeGreaterThanOrEqual(IN_TIME / AT_ONCE);
});

test.each([
  { way: 'at once', delayMs: 0 },
  // 125 times 40 ms: longer than a node that ends waits for one answer.
  { way: 'slowly', delayMs: 40 },
])('whatever was relayed arrives before the node is gone, where Redis takes it $way', async ({ delayMs }) => {
  const redis = await startRedis();
  const proxy = await ChaosProxy.before(redis.port);
  const one = await EngineNode.start(`redis://127.0.0.1:${proxy.port}`, 1);
  const two = await EngineNode.start(redis.url, 2);
  const ada = two.connects();
  await ada.isSignedIn({ id: 'ada' });
  proxy.delay(delayMs);
  const sent = Array.from({ length: MANY }, async (_, n) => {
    await one.engine.publish('#server-to-user-ada', 'NEWS', `${n}`);
  });
  await one.engine.close();
  await Promise.all(sent);
  await eventually(SETTLED_MS, () => {
    expect(ada.frames('NEWS')).toHaveLength(MANY);
  });
});
