import fc from 'fast-check';
import { LocalMembers } from '../../../../src/cluster/redis/channels/local-members.js';

/** Tells Redis what is new, as a step does. */
function tell(localMembers: LocalMembers, refused: string[] = [], isWaiting = false): void {
  const [joins, leaves] = [localMembers.joins(), localMembers.leaves().map(([id]) => id)];
  localMembers.told(joins, refused, leaves, isWaiting);
}

describe('What a node holds', () => {
  it('is told once: who came, who changed and who went', () => {
    const localMembers = new LocalMembers();
    localMembers.join('ada', '1');
    localMembers.join('bob', '');
    expect(localMembers.joins()).toEqual([
      ['ada', '1'],
      ['bob', ''],
    ]);
    tell(localMembers);
    expect([localMembers.joins(), localMembers.leaves()]).toEqual([[], []]);
    localMembers.join('ada', '2');
    localMembers.leave('bob', true);
    expect([localMembers.joins(), localMembers.leaves()]).toEqual([[['ada', '2']], [['bob', true]]]);
    expect(localMembers.isTold('bob')).toBe(true);
    tell(localMembers);
    expect([localMembers.joins(), localMembers.leaves()]).toEqual([[], []]);
    expect(localMembers.isTold('bob')).toBe(false);
    expect(localMembers.infoOf('ada')).toBe('2');
  });

  it('is not told of who came and went in between, nor of who was refused', () => {
    const localMembers = new LocalMembers();
    localMembers.join('ada', '');
    localMembers.leave('ada', true);
    expect([localMembers.joins(), localMembers.leaves(), localMembers.isAnyTold]).toEqual([[], [], false]);
    localMembers.join('bob', '');
    tell(localMembers, ['bob']);
    localMembers.leave('bob', true);
    expect([localMembers.joins(), localMembers.leaves(), localMembers.isAnyTold]).toEqual([[], [], false]);
    tell(localMembers);
    expect([...localMembers.departed]).toEqual([]);
  });

  it('is nothing new when somebody went and came back before Redis was told', () => {
    const localMembers = new LocalMembers();
    localMembers.join('ada', '1');
    tell(localMembers);
    localMembers.leave('ada', false);
    localMembers.join('ada', '1');
    expect([localMembers.joins(), localMembers.leaves(), [...localMembers.departed]]).toEqual([[], [], []]);
  });

  it('has a base of everybody whom Redis was told of, also of who went since', () => {
    const localMembers = new LocalMembers();
    localMembers.join('ada', '1');
    localMembers.join('bob', '2');
    tell(localMembers);
    localMembers.leave('bob', false);
    localMembers.join('cy', '3');
    expect(localMembers.base()).toEqual([
      ['ada', '1'],
      ['bob', '2'],
    ]);
  });

  it('remembers who may come back for as long as Redis waits for them', () => {
    const localMembers = new LocalMembers();
    for (const id of ['ada', 'bob', 'cy']) localMembers.join(id, id);
    tell(localMembers);
    localMembers.leave('ada', false);
    localMembers.leave('bob', false);
    localMembers.leave('cy', true);
    tell(localMembers, [], true);
    expect(localMembers.expected()).toEqual([
      ['ada', 'ada'],
      ['bob', 'bob'],
    ]);
    localMembers.gone('ada');
    expect(localMembers.expected()).toEqual([['bob', 'bob']]);
    tell(localMembers, [], false);
    expect(localMembers.expected()).toEqual([]);
  });

  it('is, to Redis, always what it was told, in whatever order things happen', () => {
    const act = fc.record({
      act: fc.constantFrom('join', 'leave', 'drop', 'tell', 'tell'),
      id: fc.constantFrom('a', 'b', 'c'),
      info: fc.constantFrom('', '1'),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
        const localMembers = new LocalMembers();
        const redis = new Map<string, string>();
        const wanted = new Map<string, string>();
        const tellRedis = () => {
          for (const [id, info] of localMembers.joins()) redis.set(id, info);
          for (const [id] of localMembers.leaves()) redis.delete(id);
          tell(localMembers);
        };
        for (const { act: what, id, info } of acts) {
          if (what === 'tell') tellRedis();
          else if (what === 'join') {
            localMembers.join(id, info);
            wanted.set(id, info);
          } else if (wanted.delete(id)) localMembers.leave(id, what === 'leave');
        }
        tellRedis();
        expect(new Map([...redis].sort())).toEqual(new Map([...wanted].sort()));
        expect(new Map(localMembers.base())).toEqual(wanted);
        expect([...localMembers.departed]).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
