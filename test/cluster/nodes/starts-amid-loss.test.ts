import { ChaosProxy } from '../../support/chaos-proxy.js';
import { BareNode } from '../../support/cluster/bare-node.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';
import { startRedis } from '../../support/redis.js';

test('a node that starts while others report what Redis has lost waits for those that have not', async () => {
  const redis = await startRedis();
  const proxy = await ChaosProxy.before(redis.port);
  const late = await BareNode.start(`redis://127.0.0.1:${proxy.port}`);
  await late.join('presence-room', 1, 'ada');
  const punctual = await BareNode.start(redis.url);
  proxy.refuse();
  proxy.cut();
  const client = redis.client();
  await client.flushall();
  await eventually(SETTLED_MS, async () => {
    expect(await client.smembers('switchboard:{#}:awaited')).toContain(late.cluster.node);
  });

  const starting = await BareNode.start(redis.url);
  const joined = starting.join('presence-room', 1, 'ada');
  proxy.refuse(false);
  expect(await joined).toBeUndefined();
  await eventually(SETTLED_MS, async () => {
    expect(await starting.cluster.members('presence-room')).toEqual([{ id: 'ada' }]);
  });
  const events = [late, punctual, starting].flatMap(({ told }) =>
    told.filter((entry) => entry.startsWith('event')),
  );
  expect(events).toEqual(['event channel_occupied', 'event member_added']);
}, 180_000);

test('a node that resigned is not one that a node waits for after a loss', async () => {
  const redis = await startRedis();
  const leaving = await BareNode.start(redis.url);
  await leaving.join('presence-room', 1, 'ada');
  const staying = await BareNode.start(redis.url);
  await leaving.cluster.close();
  const client = redis.client();
  const renewed = async () =>
    Number(await client.zscore('switchboard:{#}:nodes', `${staying.cluster.node}.1`));
  const before = await renewed();
  await eventually(SETTLED_MS, async () => {
    expect(await renewed()).toBeGreaterThan(before);
  });
  await client.flushall();
  await eventually(SETTLED_MS, async () => {
    expect(await client.smembers('switchboard:{#}:awaited')).toEqual([staying.cluster.node]);
  });
}, 180_000);
