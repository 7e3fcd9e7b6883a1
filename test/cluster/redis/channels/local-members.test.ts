import fc from 'fast-check';
import { Holdings } from '../../../../src/cluster/redis/channels/local-members.js';

/** Tells Redis what is new, as a step does. */
function tell(holdings: Holdings, refused: string[] = [], isWaiting = false): void {
  const [joins, leaves] = [holdings.joins(), holdings.leaves().map(([id]) => id)];
  holdings.told(joins, refused, leaves, isWaiting);
}

describe('What a node holds', () => {
  it('is told once: who came, who changed and who went', () => {
    const holdings = new Holdings();
    holdings.join('ada', '1');
    holdings.join('bob', '');
    expect(holdings.joins()).toEqual([
      ['ada', '1'],
      ['bob', ''],
    ]);
    tell(holdings);
    expect([holdings.joins(), holdings.leaves()]).toEqual([[], []]);
    holdings.join('ada', '2');
    holdings.leave('bob', true);
    expect([holdings.joins(), holdings.leaves()]).toEqual([[['ada', '2']], [['bob', true]]]);
    expect(holdings.isTold('bob')).toBe(true);
    tell(holdings);
    expect([holdings.joins(), holdings.leaves()]).toEqual([[], []]);
    expect(holdings.isTold('bob')).toBe(false);
    expect(holdings.infoOf('ada')).toBe('2');
  });

  it('is not told of who came and went in between, nor of who was refused', () => {
    const holdings = new Holdings();
    holdings.join('ada', '');
    holdings.leave('ada', true);
    expect([holdings.joins(), holdings.leaves(), holdings.isAnyTold]).toEqual([[], [], false]);
    holdings.join('bob', '');
    tell(holdings, ['bob']);
    holdings.leave('bob', true);
    expect([holdings.joins(), holdings.leaves(), holdings.isAnyTold]).toEqual([[], [], false]);
    tell(holdings);
    expect([...holdings.departed]).toEqual([]);
  });

  it('is nothing new when somebody went and came back before Redis was told', () => {
    const holdings = new Holdings();
    holdings.join('ada', '1');
    tell(holdings);
    holdings.leave('ada', false);
    holdings.join('ada', '1');
    expect([holdings.joins(), holdings.leaves(), [...holdings.departed]]).toEqual([[], [], []]);
  });

  it('has a base of everybody whom Redis was told of, also of who went since', () => {
    const holdings = new Holdings();
    holdings.join('ada', '1');
    holdings.join('bob', '2');
    tell(holdings);
    holdings.leave('bob', false);
    holdings.join('cy', '3');
    expect(holdings.base()).toEqual([
      ['ada', '1'],
      ['bob', '2'],
    ]);
  });

  it('remembers who may come back for as long as Redis waits for them', () => {
    const holdings = new Holdings();
    for (const id of ['ada', 'bob', 'cy']) holdings.join(id, id);
    tell(holdings);
    holdings.leave('ada', false);
    holdings.leave('bob', false);
    holdings.leave('cy', true);
    tell(holdings, [], true);
    expect(holdings.expected()).toEqual([
      ['ada', 'ada'],
      ['bob', 'bob'],
    ]);
    holdings.gone('ada');
    expect(holdings.expected()).toEqual([['bob', 'bob']]);
    tell(holdings, [], false);
    expect(holdings.expected()).toEqual([]);
  });

  it('is, to Redis, always what it was told, in whatever order things happen', () => {
    const act = fc.record({
      act: fc.constantFrom('join', 'leave', 'drop', 'tell', 'tell'),
      id: fc.constantFrom('a', 'b', 'c'),
      info: fc.constantFrom('', '1'),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
        const holdings = new Holdings();
        const redis = new Map<string, string>();
        const wanted = new Map<string, string>();
        const tellRedis = () => {
          for (const [id, info] of holdings.joins()) redis.set(id, info);
          for (const [id] of holdings.leaves()) redis.delete(id);
          tell(holdings);
        };
        for (const { act: what, id, info } of acts) {
          if (what === 'tell') tellRedis();
          else if (what === 'join') {
            holdings.join(id, info);
            wanted.set(id, info);
          } else if (wanted.delete(id)) holdings.leave(id, what === 'leave');
        }
        tellRedis();
        expect(new Map([...redis].sort())).toEqual(new Map([...wanted].sort()));
        expect(new Map(holdings.base())).toEqual(wanted);
        expect([...holdings.departed]).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
