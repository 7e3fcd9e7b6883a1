import { ManualClock } from '../../../../src/adapters/memory/manual-clock.js';
import { canBeginGrace, ChannelState } from '../../../../src/cluster/redis/channels/channel-state.js';
import { Presence } from '../../../../src/cluster/redis/channels/presence.js';
import type { OccupancyChange } from '../../../../src/cluster/redis/scripts/occupancy-messages.js';

const LEASE = 'node.1';
const UP = { isReporting: false, isUp: true };
const DOWN = { isReporting: false, isUp: false };
const GRACE_MS = 1_000;
const user = (id: string, info?: unknown) => ({ id, info });

/** The state of a presence channel, and the changes of its roster as they were announced. */
function presenceChannel({ maximumMembers = 0 } = {}) {
  const clock = new ManualClock();
  const announced: string[] = [];
  const presence = new Presence(
    clock,
    { graceMs: GRACE_MS, maximumMembers },
    {
      memberAdded: ({ id }) => announced.push(`+${id}`),
      memberChanged: ({ id, info }) => announced.push(`~${id} ${String(info)}`),
      memberRemoved: (id) => announced.push(`-${id}`),
      memberDisputed: (id) => announced.push(`?${id}`),
      memberExpired: () => announced.push('expired'),
    },
  );
  const state = new ChannelState(presence, 40);
  let number = 40;
  /** The next report, which answers these joins. */
  const send = (joins: readonly string[] = [], isHolding = false) =>
    state.report({
      number: ++number,
      joins: joins.map((userId) => ({ userId })),
      isSettling: isHolding,
      isHolding,
    });
  const members = () => [...presence.users.keys()].sort();
  return { clock, state, presence, announced, members, send };
}

function reply(change: Partial<OccupancyChange> = {}): OccupancyChange {
  return { version: '1', events: [], refused: [], ...change };
}

describe('The state of a channel', () => {
  test('is reported in full at first, and then by its changes', () => {
    const { state, members, announced, send } = presenceChannel();
    state.join(1, user('ada', { n: 1 }));
    expect(state.isToReport).toBe(true);
    const first = send(['ada']);
    expect(first.report).toEqual({
      report: 41,
      answered: 40,
      subscriptions: 1,
      full: {
        reported: [],
        waiting: [],
        unclaimed: [],
        countedAs: '',
        wasSubscribed: false,
        wasVacating: false,
        rosterVersion: 0,
      },
      joins: [['ada', '{"n":1}', 1]],
      hasNewSubscribers: true,
      isRosterWanted: true,
    });
    expect(state.accepted(first, reply({ version: '7', roster: ['ada', '{"n":1}', 'bob', ''] }), LEASE)).toBe(
      true,
    );
    expect([members(), announced]).toEqual([
      ['ada', 'bob'],
      ['+ada', '+bob'],
    ]);
    state.join(2, user('cy'));
    expect(send(['cy']).report).toEqual({
      report: 42,
      answered: 41,
      subscriptions: 2,
      joins: [['cy', '', 1]],
      hasNewSubscribers: true,
    });
  });

  test('reports a leave, and that it may begin a grace period', () => {
    const { state, send } = presenceChannel();
    state.join(2, user('ada'));
    const joining = send();
    expect(canBeginGrace(joining.report)).toBe(false);
    state.accepted(joining, reply(), LEASE);
    state.leave(1, 'ada', true, UP);
    const { report } = send();
    expect([report.leaves, report.isLeaveDeliberate, canBeginGrace(report)]).toEqual([
      [['ada', 1]],
      true,
      true,
    ]);
  });

  test('repeats what was not answered, and says so', () => {
    const { state, send } = presenceChannel();
    state.join(1, user('ada'));
    expect(send(['ada']).report.isRepeated).toBeUndefined();
    const again = send(['ada']);
    expect(again.report).toMatchObject({
      report: 42,
      answered: 40,
      isRepeated: true,
      joins: [['ada', '', 1]],
    });
    state.accepted(again, reply(), LEASE);
    expect(send().report).toEqual({ report: 43, answered: 42, subscriptions: 1, isRosterWanted: true });
  });

  test('reports the newest info again, and an older info when it comes back', () => {
    const { state, presence, announced, send } = presenceChannel();
    state.join(1, user('ada', 'old'));
    state.accepted(send(['ada']), reply({ version: '7', roster: ['ada', '"old"'] }), LEASE);
    // Another node has reported it.
    presence.change({ kind: 'added', previous: 7, version: 8, id: 'ada', info: '"new"' });
    expect(announced).toEqual(['+ada', '~ada new']);
    state.reset();
    const again = send();
    expect([again.report.full?.reported, again.report.joins]).toEqual([[['ada', '"new"']], undefined]);
    state.accepted(again, reply({ version: '8' }), LEASE);
    state.join(2, user('ada', 'old'));
    expect(send(['ada']).report.joins).toEqual([['ada', '"old"', 1]]);
  });

  test('is over in Redis after a report without subscriptions', () => {
    const { state, send } = presenceChannel();
    state.join(1, user('ada'));
    state.accepted(send(), reply(), LEASE);
    state.leave(0, 'ada', true, UP);
    const last = send();
    expect(canBeginGrace(last.report)).toBe(true);
    state.accepted(last, reply(), LEASE);
    expect([state.isToReport, state.mayHaveBeenInRedis]).toEqual([false, false]);
  });

  test('gives back, after Redis has lost its data, the members of other nodes and holds new ones', () => {
    const { state, send } = presenceChannel();
    state.join(1, user('ada'));
    state.accepted(send(), reply({ version: '7', roster: ['ada', '', 'bob', ''] }), LEASE);
    state.reset();
    state.join(2, user('cy'));
    const { report } = send([], true);
    expect(report.full).toEqual({
      reported: [['ada', '']],
      waiting: ['cy'],
      unclaimed: [['bob', '']],
      countedAs: LEASE,
      wasSubscribed: true,
      wasVacating: false,
      rosterVersion: 7,
    });
    expect([report.joins, canBeginGrace(report)]).toEqual([undefined, true]);
  });

  test('does not give back an old roster, of which nothing was heard any more', () => {
    const { state, presence, send } = presenceChannel();
    state.join(1, user('ada'));
    state.accepted(send(), reply({ version: '7', roster: ['ada', '', 'bob', ''] }), LEASE);
    presence.forget();
    state.reset();
    expect(send().report.full).toMatchObject({ unclaimed: [], rosterVersion: 0 });
  });

  test('does not give back the roster of before when this node has left, and comes back', () => {
    const { state, send } = presenceChannel();
    state.join(1, user('ada'));
    state.accepted(send(), reply({ version: '7', roster: ['ada', '', 'bob', ''] }), LEASE);
    state.leave(0, 'ada', true, UP);
    // Its removal is on its way to the roster.
    state.accepted(send(), reply({ version: '8' }), LEASE);
    state.join(1, user('cy'));
    expect(send().report.full).toMatchObject({ unclaimed: [], rosterVersion: 0 });
  });

  test('has to be reported again after a reset meanwhile', () => {
    const { state, send } = presenceChannel();
    state.join(1, user('ada'));
    const sent = send();
    state.reset();
    expect(state.accepted(sent, reply(), LEASE)).toBe(false);
    expect(state.accepted(send(), reply(), LEASE)).toBe(true);
  });

  test('waits without subscriptions for the end of a grace period, and gives it back when Redis has lost it', () => {
    const { state, send } = presenceChannel();
    state.join(1, user('ada'));
    state.accepted(send(), reply({ roster: ['ada', ''] }), LEASE);
    state.leave(0, 'ada', false, UP);
    state.accepted(send(), reply({ graceMs: 500 }), LEASE);
    expect([state.isToReport, state.record.isExact]).toEqual([true, true]);
    state.reset();
    expect(send().report.full).toMatchObject({
      unclaimed: [['ada', '']],
      wasVacating: false,
      countedAs: LEASE,
    });
    state.accepted(send(), reply({ graceMs: 500, isVacating: true }), LEASE);
    state.reset();
    expect(send().report.full?.wasVacating).toBe(true);
    state.accepted(send(), reply(), LEASE);
    expect([state.isToReport, state.mayHaveBeenInRedis]).toEqual([false, false]);
  });

  test('is not up to date before every change has arrived that the reply was made after', () => {
    const { state, presence, members, send } = presenceChannel();
    state.join(1, user('ada'));
    state.accepted(send(), reply({ version: '7', roster: ['ada', ''] }), LEASE);
    state.join(2, user('bob'));
    state.accepted(send(), reply({ version: '9' }), LEASE);
    expect([presence.isCurrent, presence.isBehind]).toEqual([false, false]);
    presence.change({ kind: 'added', previous: 7, version: 8, id: 'cy', info: '' });
    expect(presence.isCurrent).toBe(false);
    presence.change({ kind: 'added', previous: 8, version: 9, id: 'bob', info: '' });
    expect([presence.isCurrent, members()]).toEqual([true, ['ada', 'bob', 'cy']]);
  });

  test('asks for a copy of the roster when the changes do not arrive', () => {
    const { state, presence, send } = presenceChannel();
    state.join(1, user('ada'));
    state.accepted(send(), reply({ version: '7', roster: ['ada', ''] }), LEASE);
    state.accepted(send(), reply({ version: '9' }), LEASE);
    expect(send().report.isRosterWanted).toBeUndefined();
    presence.giveUpWaiting();
    expect(send().report.isRosterWanted).toBe(true);
    expect(send([], true).report.isRosterWanted).toBeUndefined();
  });

  test('is compared with what Redis has', () => {
    const { state, send } = presenceChannel();
    expect([state.isSameAs(undefined), state.isSameAs({ subscriptions: 1, report: 12 })]).toEqual([
      true,
      false,
    ]);
    state.join(1, user('ada'));
    state.accepted(send(), reply(), LEASE);
    const entry = (report: number) => ({ subscriptions: 1, report });
    expect([entry(41), entry(40), entry(42), undefined].map((each) => state.isSameAs(each))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});

describe('The members of a channel while Redis is away', () => {
  test('come and go on this node as on a single one', () => {
    const { clock, state, presence, members, announced } = presenceChannel({ maximumMembers: 2 });
    for (const [n, id] of ['ada', 'bob', 'cy'].entries()) state.join(n + 1, user(id));
    expect(['ada', 'bob', 'cy'].map((id) => presence.joinOffline(id))).toEqual([true, true, false]);
    state.leave(1, 'cy', true, DOWN);
    state.leave(1, 'ada', false, DOWN);
    expect([members(), presence.isExpecting]).toEqual([['ada', 'bob'], true]);
    clock.advance(GRACE_MS);
    expect([members(), presence.isExpecting]).toEqual([['bob'], false]);
    state.leave(0, 'bob', true, DOWN);
    expect(announced).toEqual(['+ada', '+bob', '-ada', 'expired', '-bob']);
  });

  test('who left before Redis went away are removed after a grace period of this node', () => {
    const { clock, state, presence, members, send } = presenceChannel();
    state.join(1, user('ada'));
    state.accepted(send(), reply({ roster: ['ada', ''] }), LEASE);
    state.leave(0, 'ada', false, UP);
    expect(members()).toEqual(['ada']);
    presence.goOffline();
    clock.advance(GRACE_MS);
    expect([members(), send().report.leaves]).toEqual([[], [['ada', 1]]]);
  });

  test('who were never reported are removed when Redis is back, and the others wait for Redis', () => {
    const { clock, state, presence, members, send } = presenceChannel();
    state.join(1, user('ada'));
    state.accepted(send(), reply({ roster: ['ada', ''] }), LEASE);
    state.join(2, user('bob'));
    presence.joinOffline('bob');
    state.leave(1, 'bob', false, DOWN);
    state.leave(0, 'ada', false, DOWN);
    expect(members()).toEqual(['ada', 'bob']);
    state.reset();
    expect(members()).toEqual(['ada']);
    clock.advance(10 * GRACE_MS);
    expect(members()).toEqual(['ada']);
  });
});
