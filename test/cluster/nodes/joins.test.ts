import { jest } from '@jest/globals';
import {
  expectNoContradictions,
  expectRosterInBrowsers,
  expectRosterOnNodes,
} from '../../support/cluster/agreement.js';
import { Cluster } from '../../support/cluster/cluster.js';
import { Member } from '../../support/cluster/member.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';

jest.setTimeout(180_000);

const ROOMS = Array.from({ length: 100 }, (_, n) => `presence-room-${n}`);
const ROUNDS = 4;

describe('Members who come in the same moment, each on a node of their own', () => {
  test('see each other and are listed by every node, in each of many rooms', async () => {
    const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: '0' });
    const nodes = await cluster.three();
    const ids = ['ada', 'bob', 'cy'];
    const members = await Promise.all(nodes.map((node, index) => Member.on(node, ids[index] ?? '')));
    for (let round = 0; round < ROUNDS; round++) {
      for (const room of ROOMS) for (const member of members) member.join(room);
      await eventually(SETTLED_MS, () => {
        for (const room of ROOMS) expectRosterInBrowsers(members, room, ids);
      });
      for (const room of ROOMS.slice(0, 3)) await expectRosterOnNodes(nodes, room, ids);
      for (const room of ROOMS) for (const member of members) member.leave(room);
      await eventually(SETTLED_MS, async () => {
        await expectRosterOnNodes(nodes, ROOMS[0] ?? '', []);
      });
    }
    expectNoContradictions(members);
  });
});
