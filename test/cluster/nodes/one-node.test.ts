import { jest } from '@jest/globals';
import { Api } from '../../support/cluster/api.js';
import { NODE_SETTINGS } from '../../support/cluster/app.js';
import { Member } from '../../support/cluster/member.js';
import { ClusterNode } from '../../support/cluster/nodes.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';
import { WebhookLog } from '../../support/cluster/webhook-log.js';

jest.setTimeout(180_000);

const ROOM = 'presence-room';

describe('One node as a process, without a cluster', () => {
  test('needs no Redis, and tells browsers, the HTTP API and webhooks who is there', async () => {
    const webhooks = await WebhookLog.start();
    const node = await ClusterNode.start({
      ...NODE_SETTINGS,
      ...webhooks.settings,
      SOCKET_PRESENCE_GRACE_MS: '100',
    });
    const api = new Api(node);
    const [ada, bob] = await Promise.all([Member.on(node, 'ada', ROOM), Member.on(node, 'bob', ROOM)]);

    expect(await node.call('relayToMember', 'ada', 'HELLO', { n: 1 })).toMatchObject({ status: 'sent' });
    await eventually(SETTLED_MS, () => {
      expect(ada.payloads('HELLO')).toEqual([{ n: 1 }]);
    });
    expect(await api.roster(ROOM)).toEqual(['ada', 'bob']);
    expect(await node.call('onlineMembers', ['ada', 'eve'])).toEqual(['ada']);

    ada.drop();
    await eventually(SETTLED_MS, () => {
      expect(bob.moves(ROOM).filter((move) => move.endsWith('ada'))).toEqual(
        expect.arrayContaining(['-ada']),
      );
      expect(bob.roster(ROOM)).toEqual(['ada', 'bob']);
    });
    ada.vanish();
    await eventually(SETTLED_MS, async () => {
      expect(await api.roster(ROOM)).toEqual(['bob']);
      expect(webhooks.moves(ROOM)).toEqual(['+ada', '+ada', '+bob', '-ada', '-ada']);
    });
    expect([...ada.contradictions, ...bob.contradictions]).toEqual([]);
    expect(node.channelEvents).toContainEqual({ name: 'member_removed', channel: ROOM, user_id: 'ada' });
    expect(webhooks.invalid).toBe(0);
    expect(await node.call('heapBytes')).toBeGreaterThan(0);
    await node.close();
  });
});
