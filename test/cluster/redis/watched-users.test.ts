import { WatchedUsers } from '../../../src/cluster/redis/watched-users.js';

function watched(...ids: string[]) {
  const told: string[] = [];
  const users = new WatchedUsers((id, isOnline) => told.push(`${isOnline ? '+' : '-'}${id}`));
  users.add(ids);
  return { users, told };
}

describe('A watched user', () => {
  test('is not told when it becomes known first, and then once for every change', () => {
    const { users, told } = watched('ada', 'bob');
    expect([users.isKnown('ada'), users.isKnown('nobody')]).toEqual([false, false]);
    users.learn('ada', true, 1);
    expect([users.isKnown('ada'), [...users.online(['ada', 'bob', 'nobody'])]]).toEqual([true, ['ada']]);
    expect(told).toEqual([]);
    users.learn('ada', true, 2);
    users.learn('ada', false, 3);
    users.learn('ada', false, 3);
    users.learn('ada', true, 4);
    expect(told).toEqual(['-ada', '+ada']);
  });

  test('is not misled by what is old, nor by those whom nobody watches', () => {
    const { users, told } = watched('ada');
    users.learn('ada', true, 5);
    users.learn('ada', false, 4);
    users.learn('cy', true, 9);
    expect([told, [...users.online(['ada', 'cy'])], users.channels]).toEqual([[], ['ada'], ['ada']]);
  });

  test('is guessed while nobody can say, and learned again when somebody can', () => {
    const { users, told } = watched('ada');
    users.guess('ada', true);
    expect(told).toEqual([]);
    users.learn('ada', true, 5);
    users.guess('ada', false);
    expect(told).toEqual(['-ada']);
    users.learn('ada', true, 5);
    expect(told).toEqual(['-ada', '+ada']);
  });

  test('is compared with Redis: an older status is right once it is still there the next time', () => {
    const { users, told } = watched('ada', 'bob');
    users.learn('ada', true, 5);
    users.confirm('ada', false, 4);
    expect([told, users.isKnown('ada')]).toEqual([[], false]);
    users.confirm('ada', false, 4);
    expect([told, users.isKnown('ada')]).toEqual([['-ada'], true]);
    users.confirm('ada', true, 6);
    expect(told).toEqual(['-ada', '+ada']);
    // One that Redis corrects meanwhile was never told.
    users.confirm('ada', false, 2);
    users.learn('ada', true, 7);
    users.confirm('ada', true, 7);
    expect(told).toEqual(['-ada', '+ada']);
    users.confirm('nobody', true, 1);
    expect(users.channels).toEqual(['ada', 'bob']);
  });

  test('is kept up to date without a word when nobody watches any more, and known to the next watcher', () => {
    const { users, told } = watched('ada');
    users.learn('ada', true, 5);
    expect(users.release(['ada', 'nobody'], 1)).toEqual([]);
    users.learn('ada', false, 6);
    expect([users.channels, told]).toEqual([[], []]);
    users.add(['ada']);
    expect([told, users.isKnown('ada'), [...users.online(['ada'])]]).toEqual([[], true, []]);
    users.learn('ada', true, 2);
    users.learn('ada', true, 7);
    // Watching twice is watching.
    users.add(['ada']);
    expect([told, users.channels]).toEqual([['+ada'], ['ada']]);
  });

  test('is not kept while its status is unknown, or not known from Redis', () => {
    const { users } = watched('ada', 'bob');
    users.assume('bob', true);
    expect(users.release(['ada', 'bob'], 1)).toEqual(['ada', 'bob']);
    users.add(['ada', 'bob']);
    expect([users.isKnown('bob'), [...users.online(['ada', 'bob'])]]).toEqual([false, []]);
  });

  test('is forgotten first of those who are kept longest, above the maximum', () => {
    const users = new WatchedUsers(() => undefined, 2);
    for (const id of ['ada', 'bob', 'cy', 'dee']) {
      users.add([id]);
      users.learn(id, true, 5);
    }
    expect(users.release(['ada', 'bob'], 1)).toEqual([]);
    // Whoever is watched again is kept anew afterwards.
    users.add(['ada']);
    expect(users.release(['ada'], 1)).toEqual([]);
    expect(users.release(['cy', 'dee'], 1)).toEqual(['bob', 'ada']);
    expect([users.forgetKept(0), users.isKeeping]).toEqual([[], true]);
    expect([users.forgetKept(), users.isKeeping]).toEqual([['cy', 'dee'], false]);
    expect(users.forgetKept()).toEqual([]);
  });

  test('that is doubted has the status that Redis tells next, although its version is lower, and is told of the change', () => {
    const { users, told } = watched('ada', 'bob');
    users.learn('ada', true, 5);
    users.doubt();
    expect([users.isKnown('ada'), [...users.online(['ada', 'bob'])]]).toEqual([false, ['ada']]);
    users.assume('ada', false);
    expect(told).toEqual([]);
    users.learn('ada', false, 3);
    users.learn('bob', true, 3);
    expect([told, [...users.online(['ada', 'bob'])]]).toEqual([['-ada'], ['bob']]);
  });
});
