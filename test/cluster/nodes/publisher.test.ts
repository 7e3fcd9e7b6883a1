import { jest } from '@jest/globals';
import { Cluster } from '../../support/cluster/cluster.js';
import { Member } from '../../support/cluster/member.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';

jest.setTimeout(180_000);

const RELAY_MS = 2_500;

/** The events that a member heard, by the numbers in them; the order is promised for one channel only. */
const numbers = ({ heard }: Member): number[] =>
  heard.map(({ payload }) => (payload as { n: number }).n).sort();

describe('A process that only publishes', () => {
  test('reaches members on every node, without a port, and ends when it is closed', async () => {
    const cluster = await Cluster.start();
    const [first, second] = await cluster.two();
    const ada = await Member.on(first, 'ada', 'private-news', 'broadcast', 'presence-room');
    const bob = await Member.on(second, 'bob', 'private-news', 'broadcast', 'presence-room');
    const publisher = await cluster.publisher();

    const receipts = [
      await publisher.call('relayToMember', 'ada', 'TO_MEMBER', { n: 1 }),
      await publisher.call('relayToMembers', ['ada', 'bob'], 'TO_MEMBERS', { n: 2 }),
      await publisher.call('relayToChannel', 'private-news', 'TO_CHANNEL', { n: 3 }),
      await publisher.call(
        'relayToChannel',
        'private-news',
        'TO_CHANNEL',
        { n: 4 },
        {
          exceptSocketId: ada.pusher.connection.socket_id,
        },
      ),
      await publisher.call('broadcast', 'TO_ALL', { n: 5 }),
    ];
    expect(receipts.map(({ status }) => status)).toEqual(receipts.map(() => 'sent'));
    expect(await publisher.call('onlineMembers', ['ada', 'bob', 'cy'])).toEqual(['ada', 'bob']);
    expect(await publisher.call('channelMembers', 'presence-room')).toEqual([{ id: 'ada' }, { id: 'bob' }]);
    await eventually(SETTLED_MS, () => {
      expect([numbers(ada), numbers(bob)]).toEqual([
        [1, 2, 3, 5],
        [2, 3, 4, 5],
      ]);
    });

    expect(await publisher.call('disconnectMember', 'bob')).toMatchObject({ status: 'sent' });
    await eventually(SETTLED_MS, () => {
      expect(bob.pusher.connection.state).toBe('disconnected');
    });
    expect(ada.pusher.connection.state).toBe('connected');
    expect(await publisher.call('health')).toMatchObject({ status: 'up' });
    expect(await publisher.call('resources')).not.toContain('TCPServerWrap');
    expect(publisher.output).not.toContain('reach nobody');
    await publisher.close();
  });

  test('takes no member along when it is killed, and no second webhook is posted because of it', async () => {
    const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: '100' });
    const node = await cluster.node();
    const publisher = await cluster.publisher();
    const ada = await Member.on(node, 'ada', 'presence-room');
    await publisher.kill();
    ada.leave('presence-room');
    await eventually(SETTLED_MS, () => {
      expect(cluster.webhooks.events.map(({ name }) => name).sort()).toEqual([
        'channel_occupied',
        'channel_vacated',
        'member_added',
        'member_removed',
      ]);
    });
  });

  test('is told at once that nobody was reached while Redis is gone, and reaches them again after', async () => {
    const cluster = await Cluster.start();
    const node = await cluster.node();
    const ada = await Member.on(node, 'ada');
    const publisher = await cluster.publisher();
    await cluster.redis.stop();
    await eventually(SETTLED_MS, async () => {
      const receipt = await publisher.call('relayToMember', 'ada', 'LOST');
      expect(receipt.ms).toBeLessThan(RELAY_MS);
      expect(receipt).toMatchObject({ status: 'failed' });
    });
    expect(await publisher.call('health')).not.toMatchObject({ status: 'up' });
    await cluster.redis.restart();
    await eventually(SETTLED_MS, async () => {
      expect(await publisher.call('relayToMember', 'ada', 'FOUND')).toMatchObject({ status: 'sent' });
      expect(ada.payloads('FOUND').length).toBeGreaterThan(0);
    });
    expect(ada.payloads('LOST')).toEqual([]);
  });
});
