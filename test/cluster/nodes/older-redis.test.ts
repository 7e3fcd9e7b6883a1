import { setTimeout as delay } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { Stage } from '../../support/cluster/stories/stage.js';
import { CHANNELS, type RedisKind, type Step, type Trouble } from '../../support/cluster/stories/story.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';

jest.setTimeout(180_000);

// Told on demand: they take ten minutes. The stories contain the same troubles.
const { SWITCHBOARD_STORIES } = process.env;
const onDemand = SWITCHBOARD_STORIES === undefined ? describe.skip : describe;

const ROOM = 'presence-a';
const GRACE_MS = 2_000;

/** Browsers of these numbers are on the first and on the second node in turn. */
const subscribe = (visitor: number, channel: string = ROOM): Step => ({ do: 'subscribe', visitor, channel });
const unsubscribe = (visitor: number, channel: string = ROOM): Step => ({
  do: 'unsubscribe',
  visitor,
  channel,
});
const on = (visitors: readonly number[], ...channels: string[]): Step[] =>
  visitors.flatMap((visitor): Step[] => [
    { do: 'sign-in', visitor },
    ...channels.map((channel) => subscribe(visitor, channel)),
  ]);

/** Redis comes back with less than it had; by how, and on which Redis. */
const COMEBACKS = [
  ['a replica that was behind is promoted', 'address', { do: 'promote-behind', shard: 0 }],
  ['Redis is restarted with an old snapshot', 'address', { do: 'old-snapshot', shard: 0 }],
  ['sentinels promote a replica that was behind', 'sentinels', { do: 'promote-behind', shard: 0 }],
] as const satisfies readonly (readonly [string, RedisKind, Trouble])[];

/** What has happened that Redis does not know afterwards. */
const LOST = [
  ['a member left', [unsubscribe(2)]],
  ['a member closed the page', [{ do: 'quit', visitor: 2 }]],
  ["a member's browser crashed", [{ do: 'crash', visitor: 2 }]],
  ['a member came', on([4], ROOM)],
  ['a member left, and came back', [unsubscribe(2), { do: 'wait', ms: 500 }, subscribe(2)]],
  ['a member moved to the other node', [{ do: 'move', visitor: 2 }]],
  ['a member left, and another one came', [unsubscribe(2), ...on([4, 5], ROOM)]],
  ['everybody left a channel', [0, 1, 2, 3].map((visitor) => unsubscribe(visitor, ROOM))],
] as const satisfies readonly (readonly [string, readonly Step[]])[];

/** Plays trouble that begins and ends while all is right, with steps in between. Then all leave. */
async function survives(stage: Stage, trouble: Trouble, meanwhile: readonly Step[]): Promise<void> {
  await stage.isRight(true);
  const end = await stage.begin(trouble);
  await stage.do(meanwhile);
  await stage.isRight(true);
  await end();
  await stage.isRight(true);
  await stage.empty();
}

onDemand('When Redis comes back older', () => {
  describe.each(COMEBACKS)('When %s', (_, kind, trouble) => {
    test.each(LOST)(
      'after %s, all nodes agree on it again, and nobody is told a second time',
      async (_what, steps) => {
        const stage = await Stage.start(kind, 2);
        await stage.do(on([0, 1, 2, 3], ROOM, 'private-d'));
        await survives(stage, trouble, steps);
      },
    );
  });

  describe('When Redis comes back older, a grace period', () => {
    test.each(COMEBACKS)('that began and ended since then is over: %s', async (_, kind, trouble) => {
      const stage = await Stage.start(kind, 2, GRACE_MS);
      await stage.do(on([0, 1, 2], ROOM));
      await survives(stage, trouble, [{ do: 'crash', visitor: 2 }]);
    });

    test.each(COMEBACKS)('that was running then ends: %s', async (_, kind, trouble) => {
      const stage = await Stage.start(kind, 2, GRACE_MS);
      await stage.do([...on([0, 1, 2], ROOM), subscribe(2, 'private-d')]);
      await stage.isRight(true);
      await stage.do([
        { do: 'crash', visitor: 2 },
        { do: 'wait', ms: GRACE_MS / 4 },
      ]);
      const end = await stage.begin(trouble);
      await stage.isRight(true);
      await end();
      await stage.isRight(true);
      await stage.empty();
    });

    test('that was running then is forgotten when the member came back since: an old snapshot', async () => {
      const stage = await Stage.start('address', 2, GRACE_MS);
      await stage.do(on([0, 1, 2], ROOM));
      await stage.isRight(true);
      await stage.do([
        { do: 'crash', visitor: 2 },
        { do: 'wait', ms: GRACE_MS / 4 },
      ]);
      const end = await stage.begin({ do: 'old-snapshot', shard: 0 });
      await stage.do(on([2], ROOM));
      await stage.isRight(true);
      await delay(GRACE_MS);
      await end();
      await stage.isRight(true);
      await stage.empty();
    });
  });

  test.each(COMEBACKS)(
    'nothing stays of channels that nobody holds any more, when %s',
    async (_, kind, trouble) => {
      const stage = await Stage.start(kind, 2);
      await stage.do(on([0, 1, 2, 3], ...CHANNELS));
      await stage.isRight(true);
      const end = await stage.begin(trouble);
      await stage.empty();
      await end();
      await stage.isRight(true);
      await stage.empty();
    },
  );

  describe('When Redis comes back with an old snapshot', () => {
    test('that knows one node and not the other, both have what they hold', async () => {
      const stage = await Stage.start('address', 1);
      await stage.do(on([0, 1], ROOM));
      await stage.isRight(true);
      const end = await stage.begin({ do: 'old-snapshot', shard: 0 });
      await stage.addNode();
      await stage.do([...on([3], ROOM, 'private-d'), unsubscribe(0)]);
      await stage.isRight(true);
      await end();
      await stage.isRight(true);
      await stage.empty();
    });

    test.each(['kill-node', 'stop-node'] as const)(
      'that knows a node which has ended since, nothing of it is left (%s)',
      async (way) => {
        const stage = await Stage.start('address', 3);
        await stage.do(on([0, 1, 2], ROOM, 'private-d'));
        await stage.isRight(true);
        const end = await stage.begin({ do: 'old-snapshot', shard: 0 });
        await stage.do([{ do: 'quit', visitor: 2 }]);
        await (
          await stage.begin({ do: way, node: 2 })
        )();
        await stage.isRight(true);
        await end();
        await stage.isRight(true);
        await stage.empty();
      },
    );

    test('of a time when no lease was as old as now, nobody is taken for gone', async () => {
      const stage = await Stage.start('address', 2);
      await stage.do(on([0, 1, 2], ROOM));
      await stage.isRight(true);
      const end = await stage.begin({ do: 'old-snapshot', shard: 0 });
      // Longer than a lease.
      await delay(10_000);
      await stage.do([unsubscribe(2), ...on([4], ROOM)]);
      await stage.isRight(true);
      await end();
      await stage.isRight(true);
      await stage.empty();
    });
  });

  describe('When one shard of a Redis Cluster comes back older', () => {
    test.each(['promote-behind', 'old-snapshot'] as const)(
      'all channels are right again (%s)',
      async (way) => {
        const stage = await Stage.start('cluster', 2);
        await stage.do(on([0, 1, 2, 3], ...CHANNELS));
        for (const shard of [0, 1, 2]) {
          await stage.isRight(true);
          const end = await stage.begin({ do: way, shard });
          const here = shard % 2 === 0;
          await stage.do(
            CHANNELS.flatMap((channel) => [2, 3].map((n) => (here ? unsubscribe : subscribe)(n, channel))),
          );
          await stage.isRight(true);
          await end();
          await stage.isRight(true);
        }
        await stage.empty();
      },
    );
  });

  describe('When keys are gone from Redis one by one', () => {
    test('none of them is missed', async () => {
      const stage = await Stage.start('address', 2);
      await stage.do(on([0, 1, 2, 3], ROOM, 'private-d', 'cache-f'));
      for (let pick = 0; pick < 24; pick += 3) {
        await stage.isRight(true);
        await (
          await stage.begin({ do: 'delete-keys', shard: 0, picks: [pick, pick, pick] })
        )();
        await stage.isRight(true);
      }
      await stage.empty();
    });

    test('because all are, in the middle, nobody is told anything', async () => {
      const stage = await Stage.start('address', 2);
      await stage.do(on([0, 1, 2, 3], ROOM, 'private-d', 'cache-f'));
      await survives(stage, { do: 'flush', shard: 0 }, [unsubscribe(1)]);
    });
  });

  describe('A join is answered within ten seconds', () => {
    test('when its node stood still for twenty', async () => {
      const stage = await Stage.start('address', 2);
      await stage.do(on([0, 1, 2, 3], ROOM));
      await stage.isRight(true);
      const end = await stage.begin({ do: 'pause-node', node: 0, ms: 20_000 });
      await stage.do([...on([4, 5, 6], ROOM, 'private-d'), subscribe(0, 'presence-b')]);
      await end();
      await stage.isRight(false);
      await stage.empty();
    });

    test('when Redis refuses new connections', async () => {
      const stage = await Stage.start('address', 2);
      await stage.do(on([0, 1, 2, 3], ROOM));
      await stage.isRight(true);
      const end = await stage.begin({ do: 'refuse-connections', shard: 0, ms: 0 });
      await stage.do([...on([4, 5, 6], ROOM, 'private-d'), subscribe(0, 'presence-b')]);
      await eventually(SETTLED_MS, () => {
        stage.expectAnswers();
      });
      await end();
      await stage.isRight(false);
      await stage.empty();
    });
  });
});
