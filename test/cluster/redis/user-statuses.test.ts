import { ManualClock } from '../../../src/adapters/memory/manual-clock.js';
import { RedisKeys } from '../../../src/cluster/redis/connection/redis-keys.js';
import { KEPT_MS, UserStatuses } from '../../../src/cluster/redis/user-statuses.js';
import { WatchedUsers } from '../../../src/cluster/redis/watched-users.js';

const keys = new RedisKeys('test');

/** What is asked of Redis, in order. Everybody is online, and nothing is answered before it is let go. */
function asking() {
  const clock = new ManualClock();
  const asked: string[] = [];
  const told: string[][] = [];
  let answer = (): void => undefined;
  const note = (mark: string) => (redisChannel: string) => {
    asked.push(mark + String(keys.read(redisChannel)?.channel));
    return Promise.resolve();
  };
  const statuses = new UserStatuses({
    clock,
    keys,
    bus: { subscribe: note('+'), unsubscribe: note('-') },
    queries: {
      statuses: async (channels) => {
        asked.push(`?${channels.join()}`);
        await new Promise<void>((resolve) => (answer = resolve));
        return channels.map((channel) => ({ channel, isOnline: true, version: 5 }));
      },
    },
    watched: new WatchedUsers(() => undefined),
    isHere: () => false,
  });
  return {
    clock,
    statuses,
    told,
    watch: (...channels: string[]) => {
      statuses.watch(channels, (online) => told.push([...online]));
    },
    answers: async () => {
      await new Promise(setImmediate);
      answer();
      await new Promise(setImmediate);
    },
    /** What was asked since the last time. */
    asked: () => asked.splice(0),
  };
}

describe('The statuses of users', () => {
  test('are asked for once by all who ask at a time, and told to each of them when they are known', async () => {
    const { watch, answers, asked, told } = asking();
    watch('ada', 'bob');
    watch('bob');
    await new Promise(setImmediate);
    expect([asked(), told]).toEqual([['+ada', '+bob', '?ada,bob'], []]);
    await answers();
    expect(told).toEqual([['ada', 'bob'], ['bob']]);
    watch('ada');
    await answers();
    expect([asked(), told[2]]).toEqual([[], ['ada']]);
  });

  test('are kept for a while when nobody watches any more, and then no longer', async () => {
    const { watch, answers, asked, clock, statuses } = asking();
    watch('ada', 'bob');
    await answers();
    asked();
    statuses.unwatch(['ada', 'bob']);
    clock.advance(KEPT_MS - 1);
    watch('bob');
    // All are compared with Redis now and then.
    expect(asked()).toEqual(['?ada,bob']);
    clock.advance(1);
    expect(asked()).toEqual(['-ada']);
    statuses.unwatch(['bob']);
    clock.advance(2 * KEPT_MS);
    expect(asked()).toEqual(['-bob']);
    watch('bob');
    await answers();
    expect(asked()).toEqual(['+bob', '?bob']);
  });

  test('are asked for anew by who comes back before the first answer, because nobody listened in between', async () => {
    const { watch, answers, asked, statuses } = asking();
    watch('ada');
    await new Promise(setImmediate);
    statuses.unwatch(['ada']);
    watch('ada');
    await answers();
    expect(asked()).toEqual(['+ada', '?ada', '-ada', '+ada', '?ada']);
  });

  test('are asked for again when Redis may have changed, and those of users whom nobody watches are dropped', async () => {
    const { watch, answers, asked, statuses } = asking();
    watch('ada', 'bob');
    await answers();
    statuses.unwatch(['ada']);
    asked();
    void statuses.restore();
    await answers();
    expect(asked()).toEqual(['-ada', '+bob', '?bob']);
    watch('ada');
    await answers();
    expect(asked()).toEqual(['+ada', '?ada']);
  });
});
