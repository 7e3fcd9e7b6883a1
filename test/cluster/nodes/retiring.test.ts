import { BareNode } from '../../support/cluster/bare-node.js';
import { startRedis } from '../../support/redis.js';

describe('A node that sends its clients away', () => {
  test('hears whether another one takes them: not one that sends its own away, has ended, or only publishes', async () => {
    const { url } = await startRedis();
    const [first, second] = [await BareNode.start(url), await BareNode.start(url)];
    // It has no server, and so never takes part.
    BareNode.publisher(url);
    expect(await first.cluster.retire()).toBe(true);
    expect(await second.cluster.retire()).toBe(false);
    const third = await BareNode.start(url);
    expect(await second.cluster.retire()).toBe(true);
    await third.cluster.close();
    expect(await second.cluster.retire()).toBe(false);
    expect(await first.cluster.retire()).toBe(false);
  });

  test('goes on taking part until it is closed, and leaves nothing behind', async () => {
    const redis = await startRedis();
    const [first, second] = [await BareNode.start(redis.url), await BareNode.start(redis.url)];
    await first.join('presence-room', 1, 'ada');
    await first.cluster.retire();
    await second.cluster.retire();
    await second.join('presence-room', 1, 'bob');
    expect(second.members('presence-room')).toEqual(['ada', 'bob']);
    first.leave('presence-room', 0, 'ada');
    await first.cluster.close();
    second.leave('presence-room', 0, 'bob');
    await second.cluster.close();
    // But for the replies, which expire by themselves.
    const keys = await redis.client().keys('*');
    expect(keys.filter((key) => !/:reply:|:waiting$/.test(key))).toEqual([]);
  });

  test('takes it that another one does where Redis cannot say so', async () => {
    const redis = await startRedis();
    const node = await BareNode.start(redis.url);
    redis.pause();
    expect(await node.cluster.retire()).toBe(true);
    redis.resume();
  });
});
