import { BareNode } from '../../support/cluster/bare-node.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';
import { startRedis } from '../../support/redis.js';

const SETTINGS = { SOCKET_PRESENCE_GRACE_MS: '1000' };

/** Three nodes, of which the first two have the channel, when Redis loses the channel's record and nothing else. */
async function losing(channel: string, ids: readonly [string, string] | readonly []) {
  const redis = await startRedis();
  const [a, b, newcomer] = await Promise.all(
    Array.from({ length: 3 }, () => BareNode.start(redis.url, SETTINGS)),
  );
  if (a === undefined || b === undefined || newcomer === undefined) throw new Error('Three were started');
  await a.join(channel, 1, ids[0]);
  await b.join(channel, 1, ids[1]);
  // Whether a cached event was missed is in the record alone, and is told once more.
  const events = () =>
    [a, b, newcomer].flatMap(({ told }) => told.filter((entry) => /^event (?!cache_miss)/.test(entry)));
  const isBefore = events();
  expect(await redis.client().del(`switchboard:{${channel}}`)).toBe(1);
  return { redis, a, b, newcomer, events, isBefore };
}

describe('A channel whose record Redis has evicted', () => {
  test.each(['news', 'private-news', 'private-encrypted-news', 'cache-news', '#server-to-user-7'])(
    'is not reported occupied again when a node joins %s next',
    async (channel) => {
      const { newcomer, events, isBefore } = await losing(channel, []);
      expect(await newcomer.join(channel, 1)).toBeUndefined();
      expect(events()).toEqual(isBefore);
    },
  );

  test.each([0, 1])('has its members, when member %i joins next on another node', async (which) => {
    const { newcomer, a, b, events, isBefore } = await losing('presence-room', ['ada', 'bob']);
    const id = ['ada', 'bob'][which] ?? '';
    expect(await newcomer.join('presence-room', 1, id)).toBeUndefined();
    await eventually(SETTLED_MS, () => {
      expect(newcomer.members('presence-room')).toEqual(['ada', 'bob']);
    });
    expect(events()).toEqual(isBefore);
    expect([a.moves, b.moves].map((moves) => moves.filter((move) => move.startsWith('-')))).toEqual([[], []]);
  });

  test('has a member more when another member joins next on another node', async () => {
    const { newcomer, events, isBefore } = await losing('presence-room', ['ada', 'bob']);
    expect(await newcomer.join('presence-room', 1, 'eve')).toBeUndefined();
    await eventually(SETTLED_MS, () => {
      expect(newcomer.members('presence-room')).toEqual(['ada', 'bob', 'eve']);
    });
    expect(events()).toEqual([...isBefore, 'event member_added']);
  });

  test('is joined in time also when the node that has it does not answer', async () => {
    const redis = await startRedis();
    const [a, newcomer] = await Promise.all([BareNode.start(redis.url), BareNode.start(redis.url)]);
    // A channel that its node does not know.
    const client = redis.client();
    for (const name of await client.zrange('switchboard:{#}:nodes', '0', '-1')) {
      if (name.startsWith(a.cluster.node)) await client.sadd(`switchboard:node:${name}`, 'news');
    }
    expect(await newcomer.join('news', 1)).toBeUndefined();
    expect(newcomer.told).toEqual(['event channel_occupied']);
  });
});
