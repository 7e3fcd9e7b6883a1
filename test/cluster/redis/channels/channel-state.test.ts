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
      memberExpired: () => announced.push('expired'),
    },
  );
  const state = new ChannelState(presence);
  const members = () => [...presence.users.keys()].sort();
  return { clock, state, presence, announced, members };
}

function reply(change: Partial<OccupancyChange> = {}): OccupancyChange {
  return { version: '1', changes: [], events: [], refused: [], ...change };
}

describe('The state of a channel', () => {
  test('is reported in full at first, and then by its changes', () => {
    const { state, members, announced } = presenceChannel();
    state.join(1, user('ada', { n: 1 }));
    expect(state.isToReport).toBe(true);
    const first = state.report([{ userId: 'ada' }], false);
    expect(first.report).toEqual({
      subscriptions: 1,
      full: { reported: [], countedAs: '', isDataLost: false, unclaimed: [], wasVacating: false },
      joins: [['ada', '{"n":1}']],
      leaves: [],
      refusable: ['ada'],
      hasNewSubscribers: true,
      isLeaveDeliberate: false,
      rosterVersion: '0',
    });
    expect(state.accepted(first, reply({ version: '7', roster: ['ada', '{"n":1}', 'bob', ''] }), LEASE)).toBe(
      true,
    );
    expect([members(), announced]).toEqual([
      ['ada', 'bob'],
      ['+ada', '+bob'],
    ]);
    state.join(2, user('cy'));
    const second = state.report([{ userId: 'cy' }], false).report;
    expect([second.full, second.joins, second.rosterVersion]).toEqual([undefined, [['cy', '']], '7']);
  });

  test('reports a leave, and that it may begin a grace period', () => {
    const { state } = presenceChannel();
    state.join(2, user('ada'));
    const joining = state.report([], false);
    expect(canBeginGrace(joining.report)).toBe(false);
    state.accepted(joining, reply(), LEASE);
    state.leave(1, 'ada', true, UP);
    const { report } = state.report([], false);
    expect([report.leaves, report.isLeaveDeliberate, canBeginGrace(report)]).toEqual([
      [['ada', true]],
      true,
      true,
    ]);
  });

  test('reports the newest info again, and an older info when it comes back', () => {
    const { state, presence, announced } = presenceChannel();
    state.join(1, user('ada', 'old'));
    const first = state.report([{ userId: 'ada' }], false);
    state.accepted(first, reply({ version: '7', roster: ['ada', '"old"'] }), LEASE);
    // Another node has reported it.
    presence.change({ kind: 'added', version: 8, id: 'ada', info: '"new"' });
    expect(announced).toEqual(['+ada', '~ada new']);
    state.reset(false, false);
    const again = state.report([], false);
    expect([again.report.full?.reported, again.report.joins]).toEqual([[['ada', '"new"']], []]);
    state.accepted(again, reply({ version: '8' }), LEASE);
    state.join(2, user('ada', 'old'));
    expect(state.report([{ userId: 'ada' }], false).report.joins).toEqual([['ada', '"old"']]);
  });

  test('is over in Redis after a report without subscriptions', () => {
    const { state } = presenceChannel();
    state.join(1, user('ada'));
    state.accepted(state.report([], false), reply(), LEASE);
    state.leave(0, 'ada', true, UP);
    const last = state.report([], false);
    expect(canBeginGrace(last.report)).toBe(true);
    state.accepted(last, reply(), LEASE);
    expect([state.isToReport, state.mayHaveBeenInRedis]).toEqual([false, false]);
  });

  test('gives back, after Redis has lost its data, the members of other nodes and holds new ones', () => {
    const { state } = presenceChannel();
    state.join(1, user('ada'));
    state.accepted(state.report([], false), reply({ roster: ['ada', '', 'bob', ''] }), LEASE);
    state.reset(true, false);
    state.join(2, user('cy'));
    const { report } = state.report([{ userId: undefined }], true);
    expect(report.full).toEqual({
      reported: [['ada', '']],
      countedAs: LEASE,
      isDataLost: true,
      unclaimed: [['bob', '']],
      wasVacating: false,
    });
    expect([report.joins, canBeginGrace(report)]).toEqual([[], true]);
  });

  test('keeps what was lost through a second reset, and has to be reported again after a reset meanwhile', () => {
    const { state } = presenceChannel();
    state.join(1, user('ada'));
    const sent = state.report([], false);
    state.reset(true, false);
    state.reset(false, false);
    expect(state.accepted(sent, reply(), LEASE)).toBe(false);
    const again = state.report([], false);
    expect(again.report.full?.isDataLost).toBe(true);
    expect(state.accepted(again, reply(), LEASE)).toBe(true);
  });

  test.each([
    [true, true, true],
    [true, false, false],
    [false, true, false],
  ])(
    'without subscriptions is vacating after data loss %s and timer %s: %s',
    (isDataLost, hasTimer, wasVacating) => {
      const { state } = presenceChannel();
      state.reset(isDataLost, hasTimer);
      expect([state.record.recovery?.wasVacating, state.isToReport]).toEqual([wasVacating, wasVacating]);
    },
  );

  test('is not up to date when a change was heard of that the reply does not contain', () => {
    const { state, presence } = presenceChannel();
    state.join(1, user('ada'));
    const sent = state.report([], false);
    expect(presence.change({ kind: 'added', version: 9, id: 'bob', info: '' })).toBe(true);
    expect(state.accepted(sent, reply({ version: '7', roster: ['ada', ''] }), LEASE)).toBe(false);
    expect(presence.change({ kind: 'removed', version: 10, id: 'cy' })).toBe(false);
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
    const { clock, state, presence, members } = presenceChannel();
    state.join(1, user('ada'));
    state.accepted(state.report([], false), reply({ roster: ['ada', ''] }), LEASE);
    state.leave(0, 'ada', false, UP);
    expect(members()).toEqual(['ada']);
    presence.goOffline();
    clock.advance(GRACE_MS);
    expect([members(), state.report([], false).report.leaves]).toEqual([[], [['ada', true]]]);
  });

  test('who were never reported are removed when Redis is back, and the others wait for Redis', () => {
    const { clock, state, presence, members } = presenceChannel();
    state.join(1, user('ada'));
    state.accepted(state.report([], false), reply({ roster: ['ada', ''] }), LEASE);
    state.join(2, user('bob'));
    presence.joinOffline('bob');
    state.leave(1, 'bob', false, DOWN);
    state.leave(0, 'ada', false, DOWN);
    expect(members()).toEqual(['ada', 'bob']);
    state.reset(false, false);
    expect(members()).toEqual(['ada']);
    clock.advance(10 * GRACE_MS);
    expect(members()).toEqual(['ada']);
  });
});
