import { jest } from '@jest/globals';
import {
  expectNoContradictions,
  expectRosterInBrowsers,
  expectRosterOnNodes,
} from '../../support/cluster/agreement.js';
import { Api } from '../../support/cluster/api.js';
import { Cluster } from '../../support/cluster/cluster.js';
import { Member } from '../../support/cluster/member.js';
import { eventually, SETTLED_MS, throughout } from '../../support/cluster/waiting.js';

jest.setTimeout(180_000);

const ROOM = 'presence-room';
/** Within this, what a killed node leaves behind is gone. */
const REAPED_MS = 15_000;
/** How long a second removal by another survivor is waited for: survivors look every two seconds. */
const TWICE_MS = 2_500;

describe('A node that is killed', () => {
  test('leaves no ghosts: whoever was only there leaves once, and whoever is elsewhere never leaves', async () => {
    const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: '2000' });
    const [first, second, third] = await cluster.three();
    const survivors = [second, third];
    const [lost, twoTabs, moves, inGrace, bob, carl] = await Promise.all([
      Member.on(first, 'lost', ROOM, 'private-lost', 'private-shared'),
      Member.on(first, 'two-tabs', ROOM),
      Member.on(first, 'moves', ROOM),
      Member.on(first, 'in-grace', ROOM),
      Member.on(second, 'bob', ROOM, 'private-shared'),
      Member.on(third, 'carl', ROOM),
      Member.on(third, 'two-tabs', ROOM),
    ]);
    const everybody = ['bob', 'carl', 'in-grace', 'lost', 'moves', 'two-tabs'];
    await eventually(SETTLED_MS, async () => {
      await expectRosterOnNodes([first, ...survivors], ROOM, everybody);
      expectRosterInBrowsers([bob, carl, lost], ROOM, everybody);
      expect(cluster.webhooks.moves(ROOM)).toEqual(everybody.map((id) => `+${id}`));
      expect(cluster.webhooks.occupancy('private-shared')).toEqual({ occupied: 1, vacated: 0 });
      expect(cluster.webhooks.occupancy('private-lost')).toEqual({ occupied: 1, vacated: 0 });
    });
    const heardBefore = bob.moves(ROOM).length;

    inGrace.vanish();
    moves.line.leadTo(second);
    const killed = performance.now();
    await first.kill();
    lost.vanish();
    twoTabs.vanish();

    const rest = ['bob', 'carl', 'moves', 'two-tabs'];
    await eventually(REAPED_MS - (performance.now() - killed), async () => {
      await expectRosterOnNodes(survivors, ROOM, rest);
      expectRosterInBrowsers([bob, carl, moves], ROOM, rest);
      expect(await second.call('onlineMembers', everybody)).toEqual(rest);
      expect(await new Api(third).occupied('private-')).toEqual(['private-shared']);
      expect(await new Api(third).channel('private-shared', 'subscription_count')).toEqual({
        occupied: true,
        subscription_count: 1,
      });
    });
    await eventually(SETTLED_MS, () => {
      expect(cluster.webhooks.moves(ROOM)).toContain('-lost');
      expect(cluster.webhooks.moves(ROOM)).toContain('-in-grace');
    });
    await throughout(TWICE_MS, () => {
      expect(cluster.webhooks.moves(ROOM)).toEqual(
        [...everybody.map((id) => `+${id}`), '-in-grace', '-lost'].sort(),
      );
    });
    expect([...bob.moves(ROOM).slice(heardBefore)].sort()).toEqual(['-in-grace', '-lost']);
    await eventually(SETTLED_MS, () => {
      expect(cluster.webhooks.occupancy('private-lost')).toEqual({ occupied: 1, vacated: 1 });
    });
    expect(cluster.webhooks.occupancy('private-shared')).toEqual({ occupied: 1, vacated: 0 });
    expectNoContradictions([bob, carl, moves]);

    expect(await third.call('relayToMember', 'moves', 'STILL_HERE')).toMatchObject({ status: 'sent' });
    await eventually(SETTLED_MS, () => {
      expect(moves.payloads('STILL_HERE')).toHaveLength(1);
    });
  });

  test('together with another one in the same moment, leaves the third to tell of both, once', async () => {
    const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: '0' });
    const [first, second, third] = await cluster.three();
    const rooms = ['presence-a', 'presence-b', 'presence-c'];
    const doomed = await Promise.all([
      Member.on(first, 'ann', ...rooms),
      Member.on(second, 'ben', ...rooms),
      Member.on(first, 'both', ...rooms),
      Member.on(second, 'both', ...rooms),
      Member.on(first, 'safe', ...rooms),
    ]);
    const [eve] = await Promise.all([Member.on(third, 'eve', ...rooms), Member.on(third, 'safe', ...rooms)]);
    const came = ['+ann', '+ben', '+both', '+eve', '+safe'];
    await eventually(SETTLED_MS, () => {
      for (const room of rooms) {
        expectRosterInBrowsers([eve], room, ['ann', 'ben', 'both', 'eve', 'safe']);
        expect(cluster.webhooks.moves(room)).toEqual(came);
      }
    });

    const killed = performance.now();
    await Promise.all([first.kill(), second.kill()]);
    for (const member of doomed) member.vanish();
    await eventually(REAPED_MS - (performance.now() - killed), async () => {
      for (const room of rooms) {
        await expectRosterOnNodes([third], room, ['eve', 'safe']);
        expectRosterInBrowsers([eve], room, ['eve', 'safe']);
      }
    });
    const left = ['-ann', '-ben', '-both'];
    await eventually(SETTLED_MS, () => {
      for (const room of rooms) expect(cluster.webhooks.moves(room)).toEqual([...came, ...left].sort());
    });
    await throughout(TWICE_MS, () => {
      for (const room of rooms) {
        expect(cluster.webhooks.moves(room)).toHaveLength(came.length + left.length);
        expect(
          eve
            .moves(room)
            .filter((move) => move.startsWith('-'))
            .sort(),
        ).toEqual(left);
      }
    });
    expectNoContradictions([eve]);
  });

  test('was the last one, and what it held is gone for those who start after it', async () => {
    const cluster = await Cluster.start();
    const only = await cluster.node();
    const ada = await Member.on(only, 'ada', ROOM, 'private-ada');
    await eventually(SETTLED_MS, () => {
      expect(cluster.webhooks.moves(ROOM)).toEqual(['+ada']);
      expect(cluster.webhooks.occupancy('private-ada')).toEqual({ occupied: 1, vacated: 0 });
    });
    await only.kill();
    const killed = performance.now();
    ada.vanish();
    const next = await cluster.node();
    await eventually(REAPED_MS - (performance.now() - killed), async () => {
      expect(await new Api(next).occupied()).toEqual([]);
      expect(await next.call('onlineMembers', ['ada'])).toEqual([]);
    });
    await eventually(SETTLED_MS, () => {
      expect(cluster.webhooks.moves(ROOM)).toEqual(['+ada', '-ada']);
      expect(cluster.webhooks.occupancy('private-ada')).toEqual({ occupied: 1, vacated: 1 });
    });
  });
});

describe('A node that is asked to end', () => {
  test('sends its members to another node, where they arrive without having left', async () => {
    const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: '2000' });
    const [first, second] = await cluster.two();
    const bob = await Member.on(second, 'bob', ROOM);
    const movers = await Promise.all(
      ['ada', 'amy', 'ann'].map((id) => Member.on(first, id, ROOM, 'private-notes')),
    );
    const leaver = await Member.on(first, 'leaver', ROOM, 'private-leaver');
    const everybody = ['ada', 'amy', 'ann', 'bob', 'leaver'];
    await eventually(SETTLED_MS, () => {
      expectRosterInBrowsers([bob, ...movers], ROOM, everybody);
      expect(cluster.webhooks.moves(ROOM)).toEqual(everybody.map((id) => `+${id}`));
    });
    const heardBefore = bob.moves(ROOM).length;

    for (const member of movers) member.line.leadTo(second);
    // A member that does not come back leaves after the grace period, although the node that knew it is gone.
    leaver.pusher.connection.bind('state_change', () => {
      leaver.pusher.disconnect();
    });
    const asked = performance.now();
    await first.terminate();
    expect(performance.now() - asked).toBeLessThan(5_000);
    await Promise.all(movers.map((member) => member.isSettled()));
    const rest = ['ada', 'amy', 'ann', 'bob'];
    await eventually(REAPED_MS, async () => {
      await expectRosterOnNodes([second], ROOM, rest);
      expectRosterInBrowsers([bob, ...movers], ROOM, rest);
      expect(cluster.webhooks.moves(ROOM)).toContain('-leaver');
    });
    expect(bob.moves(ROOM).slice(heardBefore)).toEqual(['-leaver']);
    expect(cluster.webhooks.moves(ROOM)).toEqual(
      ['+ada', '+amy', '+ann', '+bob', '+leaver', '-leaver'].sort(),
    );
    expect(cluster.webhooks.occupancy('private-notes')).toEqual({ occupied: 1, vacated: 0 });
    await eventually(SETTLED_MS, () => {
      expect(cluster.webhooks.occupancy('private-leaver')).toEqual({ occupied: 1, vacated: 1 });
    });
    expectNoContradictions([bob, ...movers]);
  });
});
