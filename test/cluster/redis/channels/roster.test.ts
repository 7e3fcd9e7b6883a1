import fc from 'fast-check';
import { Roster, type RosterChange } from '../../../../src/cluster/redis/channels/roster.js';

function roster(here: readonly string[] = []) {
  const moves: string[] = [];
  const made = new Roster(
    {
      memberAdded: ({ id }) => moves.push(`+${id}`),
      memberChanged: ({ id, info }) => moves.push(`~${id} ${JSON.stringify(info)}`),
      memberRemoved: (id) => moves.push(`-${id}`),
      memberDisputed: (id) => moves.push(`?${id}`),
    },
    (id) => here.includes(id),
  );
  return { made, moves, ids: () => [...made.users.keys()] };
}

/** A change after the version before it; without info the user has left. */
function change(previous: number, version: number, id: string, info?: string): RosterChange {
  const versions = { previous, version, id };
  return info === undefined ? { kind: 'removed', ...versions } : { kind: 'added', ...versions, info };
}

describe('A roster', () => {
  test('takes a copy first, and tells of everybody who is new in it', () => {
    const { made, moves, ids } = roster();
    expect([made.isBehind, made.version]).toEqual([true, 0]);
    made.replace(7, ['ada', '', 'bob', '{"age":3}']);
    expect([made.isBehind, made.version]).toEqual([false, 7]);
    expect(ids()).toEqual(['ada', 'bob']);
    expect(moves).toEqual(['+ada', '+bob']);
    expect([...made.users.values()]).toEqual([
      { id: 'ada', info: undefined },
      { id: 'bob', info: { age: 3 } },
    ]);
  });

  test('applies the changes that were heard of before the copy came, in their order', () => {
    const { made, moves } = roster();
    for (const heard of [change(5, 7, 'old', ''), change(7, 9, 'cy', ''), change(9, 12, 'ada')])
      made.change(heard);
    expect(moves).toEqual([]);
    made.replace(7, ['ada', '']);
    expect([moves, made.version, made.isBehind]).toEqual([['+ada', '+cy', '-ada'], 12, false]);
  });

  test('is behind when a change was missed, and current after a copy that has it', () => {
    const { made, moves } = roster();
    made.replace(7, []);
    made.change(change(9, 10, 'bob', ''));
    expect([made.isBehind, moves]).toEqual([true, []]);
    made.replace(9, ['ada', '']);
    expect([made.isBehind, made.version, moves]).toEqual([false, 10, ['+ada', '+bob']]);
  });

  test('is behind when Redis went back to older data, also when nothing of it looks older', () => {
    const { made, ids } = roster();
    made.replace(100, ['ada', '', 'bob', '']);
    // Redis was at 100 before, and is at 95 now.
    made.change(change(95, 101, 'cy', ''));
    expect(made.isBehind).toBe(true);
    made.replace(101, ['ada', '', 'cy', '']);
    expect([made.isBehind, ids()]).toEqual([false, ['ada', 'cy']]);
  });

  test('makes changes, and says nothing of what is so already', () => {
    const { made, moves, ids } = roster();
    made.replace(1, ['ada', '']);
    made.change(change(1, 2, 'ada', '{"n":2}'));
    made.change(change(2, 3, 'bob'));
    made.change(change(3, 4, 'cy', ''));
    made.change(change(3, 4, 'cy', ''));
    made.change(change(4, 5, 'ada'));
    expect(moves).toEqual(['+ada', '~ada {"n":2}', '+cy', '-ada']);
    expect(ids()).toEqual(['cy']);
    expect(made.version).toBe(5);
  });

  test('tells of another info once, and not of the same info in another order', () => {
    const { made, moves } = roster();
    made.replace(1, ['ada', '{"a":1,"b":2}', 'bob', '']);
    made.change(change(1, 2, 'ada', '{"b":2,"a":1}'));
    made.change(change(2, 3, 'bob', '{"n":1}'));
    made.change(change(3, 4, 'bob', '{"n":1}'));
    made.replace(5, ['ada', '', 'bob', '{"n":1}']);
    expect(moves).toEqual(['+ada', '+bob', '~bob {"n":1}', '~ada undefined']);
  });

  test('keeps a user who is present through this node, and tells of the dispute', () => {
    const { made, moves, ids } = roster(['ada']);
    made.replace(1, ['ada', '', 'bob', '']);
    made.replace(2, ['cy', '']);
    expect(ids()).toEqual(['ada', 'cy']);
    made.change(change(2, 3, 'ada'));
    expect([ids(), made.version]).toEqual([['ada', 'cy'], 3]);
    expect(moves).toEqual(['+ada', '+bob', '+cy', '-bob', '?ada']);
  });

  test('ignores a copy that is older than what it has heard of', () => {
    const { made, ids } = roster();
    made.replace(1, []);
    made.change(change(1, 2, 'ada', ''));
    made.replace(1, []);
    expect(ids()).toEqual(['ada']);
  });

  test('needs a copy after nothing was heard of for a while', () => {
    const { made, moves } = roster();
    made.replace(5, ['ada', '']);
    made.forget();
    expect([made.isBehind, made.version]).toEqual([true, 0]);
    made.replace(6, ['bob', '']);
    expect(moves).toEqual(['+ada', '+bob', '-ada']);
  });

  test('asks for another copy rather than keep more than so many changes', () => {
    const { made } = roster();
    for (let version = 2; version < 20_003; version++)
      made.change(change(version - 1, version, `m${version}`, ''));
    made.replace(1, []);
    expect(made.isBehind).toBe(true);
    made.replace(20_002, []);
    expect(made.isBehind).toBe(false);
  });

  test('ends up as Redis has it, whatever order and however often changes arrive, when it takes copies after gaps', () => {
    const step = fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), isThere: fc.boolean() });
    const plan = fc.record({
      changes: fc.array(step, { minLength: 1, maxLength: 20 }),
      seed: fc.array(fc.nat(99)),
    });
    fc.assert(
      fc.property(plan, ({ changes, seed }) => {
        // The roster in Redis after each change; a version for each, from 1.
        const states = [new Map<string, string>()];
        const told: RosterChange[] = [];
        for (const { id, isThere } of changes) {
          const state = new Map(states.at(-1));
          if (state.has(id) === isThere) continue;
          if (isThere) state.set(id, '');
          else state.delete(id);
          states.push(state);
          told.push(change(states.length - 1, states.length, id, isThere ? '' : undefined));
        }
        const { made, moves } = roster();
        made.replace(1, []);
        const now = states.at(-1) ?? new Map<string, string>();
        // Any order, some twice, some never.
        const arriving = seed
          .map((n) => told[n % Math.max(1, told.length)])
          .filter((each) => each !== undefined);
        for (const each of [...arriving, ...told.slice(-1)]) {
          made.change(each);
          if (made.isBehind) made.replace(states.length, [...now].flat());
        }
        expect([...made.users.keys()].sort()).toEqual([...now.keys()].sort());
        for (const id of ['a', 'b', 'c', 'd']) {
          const signs = moves.filter((move) => move.endsWith(id)).map(([sign]) => sign);
          expect(signs).toEqual(signs.map((_, n) => (n % 2 === 0 ? '+' : '-')));
        }
      }),
      { numRuns: 500 },
    );
  });
});
