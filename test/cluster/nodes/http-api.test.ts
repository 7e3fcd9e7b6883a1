import { jest } from '@jest/globals';
import PusherSdk from 'pusher';
import { APP } from '../../support/cluster/app.js';
import { Cluster } from '../../support/cluster/cluster.js';
import type { Listening } from '../../support/cluster/line.js';
import { Member } from '../../support/cluster/member.js';
import type { ClusterNode } from '../../support/cluster/nodes.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';

jest.setTimeout(180_000);

const ROOM = 'presence-room';
const NEWS = 'private-news';
const PRICES = 'cache-prices';

const sdkOf = ({ port }: Listening) =>
  new PusherSdk({
    ...{ appId: APP.id, key: APP.key, secret: APP.secret },
    ...{ host: '127.0.0.1', port: String(port), timeout: SETTLED_MS },
  });

/** The JSON of an answer of the HTTP API. */
async function get(node: Listening, path: string, params: Record<string, string> = {}): Promise<unknown> {
  return (await sdkOf(node).get({ path, params })).json();
}

interface Scene {
  readonly nodes: readonly [ClusterNode, ClusterNode];
  /** Of the first node and of the second, by the member's id. */
  readonly ada: Member;
  readonly bob: Member;
  /** Connected to both. */
  readonly both: readonly [Member, Member];
}

/** Two nodes, with three members of which one is on both. */
async function scene(): Promise<Scene> {
  const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: '0' });
  const nodes = await cluster.two();
  const [first, second] = nodes;
  const [ada, bob, ...both] = await Promise.all([
    Member.on(first, 'ada', ROOM, NEWS, PRICES),
    Member.on(second, 'bob', ROOM, NEWS),
    Member.on(first, 'both', ROOM),
    Member.on(second, 'both', ROOM, 'presence-other'),
  ]);
  return { nodes, ada, bob, both };
}

describe('The HTTP API of two nodes, whichever is asked', () => {
  test('lists channels, counts users once and subscriptions each, and names who is there', async () => {
    const { nodes, both } = await scene();
    for (const node of nodes) {
      await sdkOf(node).trigger(PRICES, 'price', { node: node.port });
      expect(await get(node, '/channels')).toEqual({
        channels: { [ROOM]: {}, [NEWS]: {}, [PRICES]: {}, 'presence-other': {} },
      });
      expect(await get(node, '/channels', { filter_by_prefix: 'presence-', info: 'user_count' })).toEqual({
        channels: { [ROOM]: { user_count: 3 }, 'presence-other': { user_count: 1 } },
      });
      expect(await get(node, '/channels', { filter_by_prefix: 'presence-o' })).toEqual({
        channels: { 'presence-other': {} },
      });
      expect(await get(node, `/channels/${ROOM}`, { info: 'user_count' })).toEqual({
        occupied: true,
        user_count: 3,
      });
      expect(await get(node, `/channels/${NEWS}`, { info: 'subscription_count' })).toEqual({
        occupied: true,
        subscription_count: 2,
      });
      expect(await get(node, '/channels/nothing', { info: 'subscription_count' })).toEqual({
        occupied: false,
        subscription_count: 0,
      });
      const { users } = (await get(node, `/channels/${ROOM}/users`)) as { users: { id: string }[] };
      expect(users.map(({ id }) => id).sort()).toEqual(['ada', 'bob', 'both']);
    }
    // Both remember the event that was sent through the second.
    for (const node of nodes) {
      expect(await get(node, `/channels/${PRICES}`, { info: 'subscription_count,cache' })).toEqual({
        occupied: true,
        subscription_count: 1,
        cache: { data: JSON.stringify({ node: nodes[1].port }), ttl: expect.any(Number) as number },
      });
    }
    // A member that has another connection elsewhere is still there.
    both[0].vanish();
    for (const node of nodes) {
      await eventually(SETTLED_MS, async () => {
        expect(await get(node, `/channels/${ROOM}`, { info: 'user_count' })).toMatchObject({ user_count: 3 });
      });
    }
    both[1].vanish();
    for (const node of nodes) {
      await eventually(SETTLED_MS, async () => {
        expect(await get(node, `/channels/${ROOM}`, { info: 'user_count' })).toMatchObject({ user_count: 2 });
        expect(await get(node, '/channels', { filter_by_prefix: 'presence-' })).toEqual({
          channels: { [ROOM]: {} },
        });
      });
    }
  });

  test('publishes to both, answers with the counts of both, and leaves out a connection of the other', async () => {
    const { nodes, ada, bob } = await scene();
    const [first, second] = nodes;
    const info = 'user_count,subscription_count';
    const answer = await sdkOf(first).trigger([ROOM, NEWS], 'news', { n: 1 }, { info });
    expect(await answer.json()).toEqual({
      channels: { [ROOM]: { user_count: 3, subscription_count: 4 }, [NEWS]: { subscription_count: 2 } },
    });
    const batch = await sdkOf(second).triggerBatch([
      { channel: ROOM, name: 'batch', data: { n: 2 }, info: 'user_count' },
      { channel: NEWS, name: 'batch', data: { n: 3 }, info: 'subscription_count' },
      { channel: 'nothing', name: 'batch', data: { n: 4 }, info: 'subscription_count' },
      { channel: NEWS, name: 'batch', data: { n: 5 } },
    ]);
    expect(await batch.json()).toEqual({
      batch: [{ user_count: 3 }, { subscription_count: 2 }, { subscription_count: 0 }, {}],
    });
    const exceptions = [
      [first, bob],
      [second, ada],
      [first, ada],
    ] as const;
    for (const [node, { pusher }] of exceptions) {
      await sdkOf(node).trigger(
        NEWS,
        'not-to-all',
        { port: node.port },
        { socket_id: pusher.connection.socket_id },
      );
    }
    await sdkOf(first).sendToUser('bob', 'own', {});
    await sdkOf(second).sendToUser('ada', 'own', {});
    await eventually(SETTLED_MS, () => {
      for (const member of [ada, bob]) {
        expect(member.payloads('news')).toEqual([{ n: 1 }, { n: 1 }]);
        expect(member.payloads('batch')).toEqual(expect.arrayContaining([{ n: 2 }, { n: 3 }, { n: 5 }]));
        expect(member.payloads('own')).toHaveLength(1);
      }
      expect(ada.payloads('not-to-all')).toEqual([{ port: first.port }]);
      expect(bob.payloads('not-to-all')).toEqual([{ port: second.port }, { port: first.port }]);
    });
    expect(ada.payloads('batch')).toHaveLength(3);
  });

  test('terminates a user’s connections to either node, and nobody else’s', async () => {
    const { nodes, ada, bob, both } = await scene();
    const [first, second] = nodes;
    await sdkOf(first).terminateUserConnections('bob');
    await sdkOf(second).terminateUserConnections('both');
    await sdkOf(second).terminateUserConnections('nobody');
    await eventually(SETTLED_MS, async () => {
      for (const { pusher } of [bob, ...both]) expect(pusher.connection.state).toBe('disconnected');
      for (const node of nodes) {
        expect(await get(node, `/channels/${ROOM}/users`)).toEqual({ users: [{ id: 'ada' }] });
        expect(await node.call('onlineMembers', ['ada', 'bob', 'both'])).toEqual(['ada']);
      }
    });
    expect(ada.pusher.connection.state).toBe('connected');
    expect(ada.roster(ROOM)).toEqual(['ada']);
  });
});
