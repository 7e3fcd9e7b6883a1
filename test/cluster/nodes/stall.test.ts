import { jest } from '@jest/globals';
import {
  expectNoContradictions,
  expectRosterInBrowsers,
  expectRosterOnNodes,
} from '../../support/cluster/agreement.js';
import { Cluster } from '../../support/cluster/cluster.js';
import { Member } from '../../support/cluster/member.js';
import { eventually, SETTLED_MS, throughout } from '../../support/cluster/waiting.js';

jest.setTimeout(180_000);

const ROOM = 'presence-room';
const REAPED_MS = 15_000;
/** Well under the lease of eight seconds. */
const SHORT_STALL_MS = 3_000;
/** Within this a relay has to be settled, whatever its receipt says. */
const RELAY_MS = 2_500;

describe('A node that stalls', () => {
  test('for less than its lease leaves nothing to tell, and hears then what was relayed meanwhile', async () => {
    const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: '300' });
    const [first, second] = await cluster.two();
    const ada = await Member.on(first, 'ada', ROOM);
    const bob = await Member.on(second, 'bob', ROOM);
    await eventually(SETTLED_MS, () => {
      expect(cluster.webhooks.moves(ROOM)).toEqual(['+ada', '+bob']);
    });
    first.stall();
    const receipt = await second.call('relayToMember', 'ada', 'MEANWHILE');
    expect(receipt).toMatchObject({ status: 'sent' });
    expect(receipt.ms).toBeLessThan(RELAY_MS);
    await throughout(SHORT_STALL_MS, () => expectRosterOnNodes([second], ROOM, ['ada', 'bob']));
    first.resume();
    await eventually(SETTLED_MS, async () => {
      expect(ada.payloads('MEANWHILE')).toHaveLength(1);
      await expectRosterOnNodes([first, second], ROOM, ['ada', 'bob']);
    });
    expect(bob.moves(ROOM)).toEqual([]);
    expect(cluster.webhooks.moves(ROOM)).toEqual(['+ada', '+bob']);
  });

  test('past its lease is reaped, and registers what it really holds when it is back', async () => {
    const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: '300' });
    const [first, second] = await cluster.two();
    const [ada, gone, moves] = await Promise.all([
      Member.on(first, 'ada', ROOM, 'private-notes'),
      Member.on(first, 'gone', ROOM),
      Member.on(first, 'moves', ROOM),
    ]);
    const bob = await Member.on(second, 'bob', ROOM, 'private-notes');
    await eventually(SETTLED_MS, () => {
      expect(cluster.webhooks.moves(ROOM)).toEqual(['+ada', '+bob', '+gone', '+moves']);
      expectRosterInBrowsers([ada, bob], ROOM, ['ada', 'bob', 'gone', 'moves']);
    });

    const stalled = performance.now();
    first.stall();
    gone.vanish();
    moves.drop(second);
    await eventually(REAPED_MS - (performance.now() - stalled), async () => {
      await expectRosterOnNodes([second], ROOM, ['bob', 'moves']);
      expectRosterInBrowsers([bob, moves], ROOM, ['bob', 'moves']);
    });
    expect([...bob.moves(ROOM)].sort()).toEqual(['-ada', '-gone']);
    const receipt = await second.call('relayToChannel', 'private-notes', 'NOTE', { n: 1 });
    expect(receipt.ms).toBeLessThan(RELAY_MS);

    first.resume();
    await eventually(SETTLED_MS, async () => {
      await expectRosterOnNodes([first, second], ROOM, ['ada', 'bob', 'moves']);
      expectRosterInBrowsers([ada, bob, moves], ROOM, ['ada', 'bob', 'moves']);
      expect(await first.call('onlineMembers', ['ada', 'bob', 'gone', 'moves'])).toEqual([
        'ada',
        'bob',
        'moves',
      ]);
    });
    await eventually(SETTLED_MS, () => {
      const moved = cluster.webhooks.moves(ROOM);
      expect(moved.filter((move) => move.endsWith('ada'))).toEqual(['+ada', '+ada', '-ada']);
      expect(moved.filter((move) => move.endsWith('moves'))).toEqual(['+moves']);
      const ofGone = moved.filter((move) => move.endsWith('gone'));
      expect(ofGone.filter((move) => move === '+gone').length).toBe(ofGone.length / 2);
    });
    // It may have held what was broken meanwhile until it looked; whoever looks on is told no nonsense of it.
    expect(bob.moves(ROOM)).not.toContain('-moves');
    expectNoContradictions([ada, bob, moves]);

    await first.call('relayToChannel', 'private-notes', 'NOTE', { n: 2 });
    await second.call('relayToMember', 'ada', 'NOTE', { n: 3 });
    await eventually(SETTLED_MS, () => {
      expect(bob.payloads('NOTE')).toEqual([{ n: 1 }, { n: 2 }]);
      expect(ada.payloads('NOTE')).toEqual(expect.arrayContaining([{ n: 2 }, { n: 3 }]));
    });
    // Once, although it subscribed again.
    expect(ada.payloads('NOTE').filter((note) => JSON.stringify(note) === '{"n":2}')).toHaveLength(1);
  });
});
