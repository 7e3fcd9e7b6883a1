import { jest } from '@jest/globals';
import { expectNoContradictions } from '../../support/cluster/agreement.js';
import { Cluster } from '../../support/cluster/cluster.js';
import { Member } from '../../support/cluster/member.js';
import { eventually, SETTLED_MS, throughout } from '../../support/cluster/waiting.js';

jest.setTimeout(180_000);

const ROOM = 'presence-room';
const ROUNDS = 20;

describe('Webhooks of several nodes', () => {
  test('are posted once per cluster, also when all nodes act in the same moment', async () => {
    const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: '0' });
    const nodes = await cluster.three();
    const watcher = await Member.on(nodes[0], 'watcher', ROOM);
    const tabs = await Promise.all(nodes.map((node) => Member.on(node, 'ada')));
    const expected = ['+watcher'];
    for (let round = 0; round < ROUNDS; round++) {
      const notes = `private-notes-${round}`;
      for (const tab of tabs) {
        tab.join(ROOM);
        tab.join(notes);
      }
      await Promise.all(tabs.map((tab) => tab.isSettled()));
      for (const tab of tabs) {
        tab.leave(ROOM);
        tab.leave(notes);
      }
      expected.push('+ada', '-ada');
      // Joins must not overtake the leaves of the round before: those of one browser cannot, those of several could.
      await eventually(SETTLED_MS, () => {
        expect(cluster.webhooks.moves(ROOM)).toHaveLength(expected.length);
        expect(cluster.webhooks.occupancy(notes)).toEqual({ occupied: 1, vacated: 1 });
      });
    }
    await throughout(500, () => {
      expect(cluster.webhooks.moves(ROOM)).toEqual([...expected].sort());
    });
    expect(watcher.moves(ROOM)).toEqual(expected.slice(1));
    expect(cluster.webhooks.occupancy(ROOM)).toEqual({ occupied: 1, vacated: 0 });
    expect(cluster.webhooks.invalid).toBe(0);
    expectNoContradictions([watcher]);
  });

  test('tell of client events and cache misses once, whichever nodes they touch', async () => {
    const cluster = await Cluster.start();
    const [first, second] = await cluster.two();
    const ada = await Member.on(first, 'ada', 'private-board', 'cache-prices');
    const bob = await Member.on(second, 'bob', 'private-board', 'cache-prices');
    ada.pusher.channel('private-board').trigger('client-drawn', { x: 1 });
    await eventually(SETTLED_MS, () => {
      expect(bob.payloads('client-drawn')).toEqual([{ x: 1 }]);
    });
    const count = (name: string) => cluster.webhooks.events.filter((event) => event.name === name).length;
    await eventually(SETTLED_MS, () => {
      expect(count('client_event')).toBe(1);
    });
    await throughout(500, () => {
      expect([count('client_event'), count('cache_miss')]).toEqual([1, 1]);
    });
    expect(ada.payloads('client-drawn')).toEqual([]);
  });
});
