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

  test('is forgotten with the last watcher, and unknown when somebody watches again', () => {
    const { users, told } = watched('ada');
    users.learn('ada', true, 5);
    users.delete(['ada', 'nobody']);
    users.learn('ada', false, 6);
    users.add(['ada']);
    expect([told, users.isKnown('ada'), [...users.online(['ada'])]]).toEqual([[], false, []]);
    users.learn('ada', true, 2);
    expect([told, [...users.online(['ada'])]]).toEqual([[], ['ada']]);
    // Watching twice is watching.
    users.add(['ada']);
    expect(users.isKnown('ada')).toBe(true);
  });
});
