import fc from 'fast-check';
import { LocalMembers } from '../../../../src/cluster/redis/channels/local-members.js';

/** Reports the changes to Redis, as a step does. */
function report(localMembers: LocalMembers, refused: string[] = [], isGraceRunning = false): void {
  const [joins, leaves] = [localMembers.joins(), localMembers.leaves()];
  localMembers.accepted({ joins, leaves }, refused, isGraceRunning);
}

describe('The members of a node', () => {
  test('are reported once when they join, when their info changes and when they leave', () => {
    const localMembers = new LocalMembers();
    localMembers.join('ada', '1');
    localMembers.join('bob', '');
    expect(localMembers.joins()).toEqual([
      ['ada', '1'],
      ['bob', ''],
    ]);
    report(localMembers);
    expect([localMembers.joins(), localMembers.leaves()]).toEqual([[], []]);
    localMembers.join('ada', '2');
    localMembers.leave('bob', true);
    expect([localMembers.joins(), localMembers.leaves()]).toEqual([[['ada', '2']], [['bob', true]]]);
    expect(localMembers.isReported('bob')).toBe(true);
    report(localMembers);
    expect([localMembers.joins(), localMembers.leaves()]).toEqual([[], []]);
    expect(localMembers.isReported('bob')).toBe(false);
    expect(localMembers.infoOf('ada')).toBe('2');
  });

  test('are not reported when they join and leave between two reports, nor after they were refused', () => {
    const localMembers = new LocalMembers();
    localMembers.join('ada', '');
    localMembers.leave('ada', true);
    expect([localMembers.joins(), localMembers.leaves(), localMembers.hasReportedMembers]).toEqual([
      [],
      [],
      false,
    ]);
    localMembers.join('bob', '');
    report(localMembers, ['bob']);
    localMembers.leave('bob', true);
    expect([localMembers.joins(), localMembers.leaves(), localMembers.hasReportedMembers]).toEqual([
      [],
      [],
      false,
    ]);
    report(localMembers);
    expect([...localMembers.departed]).toEqual([]);
  });

  test('are not reported again when they leave and come back between two reports', () => {
    const localMembers = new LocalMembers();
    localMembers.join('ada', '1');
    report(localMembers);
    localMembers.leave('ada', false);
    localMembers.join('ada', '1');
    expect([localMembers.joins(), localMembers.leaves(), [...localMembers.departed]]).toEqual([[], [], []]);
  });

  test('are listed as reported until their leave is reported', () => {
    const localMembers = new LocalMembers();
    localMembers.join('ada', '1');
    localMembers.join('bob', '2');
    report(localMembers);
    localMembers.leave('bob', false);
    localMembers.join('cy', '3');
    expect(localMembers.reported()).toEqual([
      ['ada', '1'],
      ['bob', '2'],
    ]);
  });

  test('are expected back for as long as Redis waits for them', () => {
    const localMembers = new LocalMembers();
    for (const id of ['ada', 'bob', 'cy']) localMembers.join(id, id);
    report(localMembers);
    localMembers.leave('ada', false);
    localMembers.leave('bob', false);
    localMembers.leave('cy', true);
    report(localMembers, [], true);
    expect(localMembers.expected()).toEqual([
      ['ada', 'ada'],
      ['bob', 'bob'],
    ]);
    localMembers.stopExpecting('ada');
    expect(localMembers.expected()).toEqual([['bob', 'bob']]);
    report(localMembers, [], false);
    expect(localMembers.expected()).toEqual([]);
  });

  test('are the same in Redis after a report, whatever happened in whatever order', () => {
    const act = fc.record({
      act: fc.constantFrom('join', 'leave', 'drop', 'report', 'report'),
      id: fc.constantFrom('a', 'b', 'c'),
      info: fc.constantFrom('', '1'),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
        const localMembers = new LocalMembers();
        const redis = new Map<string, string>();
        const desired = new Map<string, string>();
        const reportToRedis = () => {
          for (const [id, info] of localMembers.joins()) redis.set(id, info);
          for (const [id] of localMembers.leaves()) redis.delete(id);
          report(localMembers);
        };
        for (const { act: what, id, info } of acts) {
          if (what === 'report') reportToRedis();
          else if (what === 'join') {
            localMembers.join(id, info);
            desired.set(id, info);
          } else if (desired.delete(id)) localMembers.leave(id, what === 'leave');
        }
        reportToRedis();
        expect(new Map([...redis].sort())).toEqual(new Map([...desired].sort()));
        expect(new Map(localMembers.reported())).toEqual(desired);
        expect([...localMembers.departed]).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
