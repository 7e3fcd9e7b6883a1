import { jest } from '@jest/globals';
import { expectNoContradictions } from '../../support/cluster/agreement.js';
import { Cluster } from '../../support/cluster/cluster.js';
import { Member } from '../../support/cluster/member.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';

jest.setTimeout(180_000);

const ROOM = 'presence-room';
/** A second each for Redis that is silent and for clients that are, and room for a machine that is busy. */
const ENDED_MS = 8_000;

describe('A node that is asked to end', () => {
  test.each(['silent', 'gone'] as const)(
    'ends in time also when Redis is %s, and sends its members away',
    async (problem) => {
      const cluster = await Cluster.start({ SOCKET_DRAIN_MS: '500' });
      const [first, second] = await cluster.two();
      const members = await Promise.all(['ada', 'bob'].map((id) => Member.on(first, id, ROOM)));
      for (const member of members) member.line.leadTo(second);
      if (problem === 'silent') cluster.redis.pause();
      else await cluster.redis.stop();
      const asked = performance.now();
      await first.terminate();
      expect(performance.now() - asked).toBeLessThan(ENDED_MS);
      if (problem === 'silent') cluster.redis.resume();
      else await cluster.redis.restart();
      await Promise.all(members.map((member) => member.isSettled()));
    },
  );

  test('ends by itself once its application is closed, and whoever came back elsewhere has never left', async () => {
    const cluster = await Cluster.start({ SOCKET_DRAIN_MS: '2000' });
    const [first, second] = await cluster.two();
    const ada = await Member.on(first, 'ada', ROOM);
    const bob = await Member.on(second, 'bob', ROOM);
    await eventually(SETTLED_MS, () => {
      expect(cluster.webhooks.moves(ROOM)).toEqual(['+ada', '+bob']);
    });
    ada.line.leadTo(second);
    await first.close();
    await ada.isSettled();
    await eventually(SETTLED_MS, async () => {
      expect(await second.call('onlineMembers', ['ada', 'bob'])).toEqual(['ada', 'bob']);
    });
    expect(cluster.webhooks.moves(ROOM)).toEqual(['+ada', '+bob']);
    expect(bob.moves(ROOM)).not.toContain('-ada');
    expectNoContradictions([ada, bob]);
  });
});
