import { jest } from '@jest/globals';
import { Cluster } from '../../support/cluster/cluster.js';
import type { ClusterNode } from '../../support/cluster/nodes.js';
import { SocketIoMember } from '../../support/cluster/socket-io-member.js';
import { eventually, SETTLED_MS, throughout } from '../../support/cluster/waiting.js';

jest.setTimeout(180_000);

const ROOM = 'presence-room';
/** Within this, what a killed node leaves behind is gone. */
const REAPED_MS = 15_000;
const NOTICED_MS = 5_000;

const start = (more: Record<string, string> = {}) =>
  Cluster.start({
    SOCKET_PROVIDER: 'socket-io',
    SOCKET_IO_HANDSHAKE_HEADERS: 'x-member',
    SOCKET_HTTP_API: 'false',
    SOCKET_WEBHOOK_URLS: '',
    ...more,
  });

function expectRoster(pages: readonly SocketIoMember[], ids: readonly string[]): void {
  expect(pages.map((page) => page.roster(ROOM))).toEqual(pages.map(() => [...ids]));
  expect(pages.flatMap(({ contradictions }) => contradictions)).toEqual([]);
}

async function expectOnNodes(nodes: readonly ClusterNode[], ids: readonly string[]): Promise<void> {
  const rosters = await Promise.all(nodes.map((node) => node.call('channelMembers', ROOM)));
  expect(rosters.map((roster) => roster.map(({ id }) => id))).toEqual(nodes.map(() => ids));
}

test('relays, broadcasts, client events and rosters cross from one node to the other', async () => {
  const cluster = await start();
  const [first, second] = await cluster.two();
  const [ada, bob] = await Promise.all([
    SocketIoMember.on(first, 'ada', ROOM),
    SocketIoMember.on(second, 'bob', ROOM),
  ]);
  await eventually(SETTLED_MS, async () => {
    expectRoster([ada, bob], ['ada', 'bob']);
    await expectOnNodes([first, second], ['ada', 'bob']);
  });
  expect(await first.call('onlineMembers', ['ada', 'bob', 'carl'])).toEqual(['ada', 'bob']);
  expect(await first.call('relayToMember', 'bob', 'TO_MEMBER', 1)).toMatchObject({ status: 'sent' });
  await first.call('relayToChannel', ROOM, 'TO_CHANNEL', 2);
  await first.call('broadcast', 'TO_ALL', 3);
  ada.socket.emit('client-said', 4, ROOM);
  await eventually(SETTLED_MS, () => {
    expect(bob.heard.map(({ event, payload, channel }) => [event, payload, channel])).toEqual([
      ['TO_MEMBER', 1, 'user'],
      ['TO_CHANNEL', 2, ROOM],
      ['TO_ALL', 3, 'broadcast'],
      ['client-said', 4, ROOM],
    ]);
  });
  await second.call('disconnectMember', 'ada');
  await eventually(SETTLED_MS, () => {
    expect(ada.socket.active).toBe(false);
    expectRoster([bob], ['bob']);
  });
});

test('a page whose node is killed comes back on the other one, and nobody sees it leave', async () => {
  const cluster = await start({ SOCKET_PRESENCE_GRACE_MS: '10000' });
  const [first, second] = await cluster.two();
  const [moves, lost, bob] = await Promise.all([
    SocketIoMember.on(first, 'moves', ROOM),
    SocketIoMember.on(first, 'lost', ROOM),
    SocketIoMember.on(second, 'bob', ROOM),
  ]);
  await eventually(SETTLED_MS, () => {
    expectRoster([moves, lost, bob], ['bob', 'lost', 'moves']);
  });
  moves.line.leadTo(second);
  lost.leave();
  await first.kill();
  await eventually(REAPED_MS + 10_000, async () => {
    expectRoster([moves, bob], ['bob', 'moves']);
    await expectOnNodes([second], ['bob', 'moves']);
  });
  await second.call('relayToMember', 'moves', 'STILL_HERE');
  await eventually(SETTLED_MS, () => {
    expect(moves.payloads('STILL_HERE')).toHaveLength(1);
  });
  expect(bob.moves(ROOM).filter((move) => move.startsWith('-'))).toEqual(['-lost']);
});

test('nodes that are restarted one after the other send their pages to the others, and lose nothing', async () => {
  const cluster = await start({ SOCKET_DRAIN_MS: '1000', SOCKET_PRESENCE_GRACE_MS: '10000' });
  const nodes = await cluster.two();
  const pages = await Promise.all(
    Array.from({ length: 20 }, (_, n) => SocketIoMember.on(nodes[n % 2 === 0 ? 0 : 1], `member-${n}`, ROOM)),
  );
  const everybody = pages.map(({ id }) => id).sort();
  await eventually(SETTLED_MS, () => {
    expectRoster(pages, everybody);
  });
  for (const index of [0, 1] as const) {
    const old = nodes[index];
    const other = nodes[1 - index];
    if (other === undefined) throw new Error('There are two nodes');
    const sent = pages.filter(({ line }) => line.target === old);
    for (const { line } of sent) line.leadTo(other);
    await old.terminate();
    expect(sent.map(({ closings }) => closings.at(-1))).toEqual(sent.map(() => 4200));
    nodes[index] = await cluster.node();
    await Promise.all(pages.map((page) => page.isSettled()));
  }
  await eventually(SETTLED_MS, async () => {
    expectRoster(pages, everybody);
    await expectOnNodes(nodes, everybody);
  });
  await nodes[0].call('broadcast', 'AFTER');
  await eventually(SETTLED_MS, () => {
    expect(pages.map((page) => page.payloads('AFTER').length)).toEqual(pages.map(() => 1));
  });
  expect(pages.flatMap((page) => page.moves(ROOM)).filter((move) => move.startsWith('-'))).toEqual([]);
});

test('while Redis is away each node serves its own pages, and says that the rest was lost', async () => {
  const cluster = await start({ SOCKET_PRESENCE_GRACE_MS: '500' });
  const [first, second] = await cluster.two();
  const [ada, bob, leaver] = await Promise.all([
    SocketIoMember.on(first, 'ada', ROOM),
    SocketIoMember.on(second, 'bob', ROOM),
    SocketIoMember.on(second, 'leaver', ROOM),
  ]);
  await eventually(SETTLED_MS, () => {
    expectRoster([ada, bob, leaver], ['ada', 'bob', 'leaver']);
  });
  await cluster.redis.stop();
  await eventually(NOTICED_MS, async () => {
    for (const node of [first, second])
      expect(await node.call('health')).toMatchObject({ status: 'degraded' });
  });
  expect(await second.call('relayToMember', 'ada', 'LOST')).toMatchObject({ status: 'failed' });
  leaver.leave();
  const newcomer = await SocketIoMember.on(first, 'newcomer', ROOM);
  await first.call('relayToMember', 'newcomer', 'LOCAL', 7);
  await eventually(NOTICED_MS, () => {
    expect(newcomer.payloads('LOCAL')).toEqual([7]);
  });
  expect(ada.socket.connected && bob.socket.connected).toBe(true);

  await cluster.redis.restart();
  await eventually(SETTLED_MS, async () => {
    expectRoster([ada, bob, newcomer], ['ada', 'bob', 'newcomer']);
    expect(await second.call('relayToMember', 'ada', 'AGAIN')).toMatchObject({ status: 'sent' });
  });
  await throughout(500, () => {
    expect(ada.payloads('LOST')).toEqual([]);
  });
});
