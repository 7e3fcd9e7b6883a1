import fc from 'fast-check';
import { Roster } from '../../../../src/cluster/redis/channels/roster.js';

function roster() {
  const moves: string[] = [];
  const made = new Roster({
    memberAdded: ({ id }) => moves.push(`+${id}`),
    memberChanged: ({ id, info }) => moves.push(`~${id} ${JSON.stringify(info)}`),
    memberRemoved: (id) => moves.push(`-${id}`),
  });
  return { made, moves, ids: () => [...made.users.keys()] };
}

const nobodyIsKept = () => false;

describe('A roster', () => {
  test('takes the whole first, and tells of whoever is new in it', () => {
    const { made, moves, ids } = roster();
    expect(made.fit(7)).toBe('old');
    made.replace(7, ['ada', '', 'bob', '{"age":3}'], nobodyIsKept);
    expect(ids()).toEqual(['ada', 'bob']);
    expect(moves).toEqual(['+ada', '+bob']);
    expect([...made.users.values()]).toEqual([
      { id: 'ada', info: undefined },
      { id: 'bob', info: { age: 3 } },
    ]);
  });

  test('knows which change comes next, which is old, and where one was missed', () => {
    const { made } = roster();
    made.replace(7, [], nobodyIsKept);
    expect([made.fit(6), made.fit(7), made.fit(8), made.fit(9)]).toEqual(['old', 'old', 'next', 'gap']);
    expect(made.latest).toBe(9);
  });

  test('makes changes, and says nothing of what is so already', () => {
    const { made, moves, ids } = roster();
    made.replace(1, ['ada', ''], nobodyIsKept);
    made.change(2, 'ada', '{"n":2}');
    made.change(3, 'bob', undefined);
    made.change(4, 'cy', '');
    made.change(5, 'ada', undefined);
    expect(moves).toEqual(['+ada', '~ada {"n":2}', '+cy', '-ada']);
    expect(ids()).toEqual(['cy']);
    expect(made.version).toBe(5);
  });

  test('tells of another info once, and not of the same info in another order', () => {
    const { made, moves } = roster();
    made.replace(1, ['ada', '{"a":1,"b":2}', 'bob', ''], nobodyIsKept);
    made.change(2, 'ada', '{"b":2,"a":1}');
    made.change(3, 'bob', '{"n":1}');
    made.change(4, 'bob', '{"n":1}');
    made.replace(5, ['ada', '', 'bob', '{"n":1}'], nobodyIsKept);
    expect(moves).toEqual(['+ada', '+bob', '~bob {"n":1}', '~ada undefined']);
  });

  test('keeps whoever is to be kept when the whole does not have them', () => {
    const { made, moves } = roster();
    made.replace(1, ['ada', '', 'bob', ''], nobodyIsKept);
    made.replace(2, ['cy', ''], (id) => id === 'ada');
    expect(moves).toEqual(['+ada', '+bob', '+cy', '-bob']);
  });

  test('asks again while something was heard of that is not in it, and only then', () => {
    const { made } = roster();
    made.replace(3, [], nobodyIsKept);
    made.fit(5);
    expect(made.isBehind(3)).toBe(true);
    // Asked after that was heard of: what Redis does not know was no change.
    expect(made.isBehind(5)).toBe(false);
    expect(made.latest).toBe(3);
  });

  test('ends up as Redis has it, whatever order and however often changes arrive, when it asks after gaps', () => {
    const change = fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), isThere: fc.boolean() });
    const plan = fc.record({
      changes: fc.array(change, { minLength: 1, maxLength: 20 }),
      seed: fc.array(fc.nat(99)),
    });
    fc.assert(
      fc.property(plan, ({ changes, seed }) => {
        // The roster in Redis after each change; a version for each, from 1.
        const states = [new Map<string, string>()];
        const told: { version: number; id: string; info: string | undefined }[] = [];
        for (const { id, isThere } of changes) {
          const state = new Map(states.at(-1));
          if (state.has(id) === isThere) continue;
          if (isThere) state.set(id, '');
          else state.delete(id);
          states.push(state);
          told.push({ version: states.length, id, info: isThere ? '' : undefined });
        }
        const { made, moves } = roster();
        made.replace(1, [], nobodyIsKept);
        const now = states.at(-1) ?? new Map<string, string>();
        // Any order, some twice, some never.
        const arriving = seed
          .map((n) => told[n % Math.max(1, told.length)])
          .filter((each) => each !== undefined);
        for (const { version, id, info } of [...arriving, ...told.slice(-1)]) {
          const fit = made.fit(version);
          if (fit === 'next') made.change(version, id, info);
          else if (fit === 'gap') made.replace(states.length, [...now].flat(), nobodyIsKept);
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
