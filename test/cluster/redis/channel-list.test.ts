import type { EngineNode as Node } from '../../support/cluster/engines.js';
import { EngineNode } from '../../support/cluster/engines.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';
import { startRedis } from '../../support/redis.js';
import { turnsUntil } from '../../support/turns.js';

const COUNT = 1_000;

async function join(node: Node, names: readonly string[]): Promise<void> {
  const client = node.connects();
  for (const name of names)
    client.subscribes(name, name.startsWith('presence-') ? { user_id: 'ada' } : undefined);
  await eventually(SETTLED_MS, () => {
    expect(client.frames('pusher_internal:subscription_succeeded')).toHaveLength(names.length);
  });
}

const numbered = (prefix: string, count = COUNT) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

async function namesOf(node: Node, prefix = ''): Promise<string[]> {
  return (await node.engine.occupiedChannels(prefix)).map(({ name }) => name).sort();
}

describe('The list of all channels', () => {
  test('has those of every node once, and costs a bounded number of commands for each of them', async () => {
    const redis = await startRedis();
    const [one, two] = await EngineNode.two(redis.url);
    const [shared, own, other] = [numbered('shared-'), numbered('own-'), ['presence-room', 'private-a']];
    await Promise.all([join(one, [...shared, ...other]), join(two, [...shared, ...own])]);
    const before = await redis.commands();
    expect(await namesOf(one)).toEqual([...shared, ...own, ...other].sort());
    const after = await redis.commands();
    const spent = Object.entries(after).map(([kind, calls]) => calls - (before[kind] ?? 0));
    // One for each channel, and few more for pages and leases. The nodes compare their channels meanwhile, and one sweeps.
    expect(spent.reduce((sum, calls) => sum + calls, 0)).toBeLessThan(4 * COUNT + 200);
  });

  test('with a prefix asks for no other channel, whatever characters the prefix has', async () => {
    const redis = await startRedis();
    const [one, two] = await EngineNode.two(redis.url);
    const odd = ['a=1', 'a@1', 'a;1', 'a.1', 'presence-a.1'];
    await join(one, [...numbered('other-', 500), ...odd]);
    const before = await redis.commands();
    expect(await namesOf(two, 'a')).toEqual(odd.slice(0, 4).sort());
    expect(await namesOf(two, 'a.')).toEqual(['a.1']);
    for (const pattern of ['*', '?', '[a-z]', 'a\\', '\\*', 'a[', ']'])
      expect(await namesOf(two, pattern)).toEqual([]);
    const { hvals = 0 } = await redis.commands();
    expect(hvals - (before['hvals'] ?? 0)).toBeLessThan(10);
  });

  test('lets everybody else have a turn between its pages', async () => {
    const redis = await startRedis();
    const one = await EngineNode.start(redis.url, 1);
    await join(one, numbered('orders-'));
    const names = namesOf(one);
    const turns = await turnsUntil(names);
    expect(await names).toHaveLength(COUNT);
    expect(turns).toBeGreaterThanOrEqual(COUNT / 128);
  });
});
