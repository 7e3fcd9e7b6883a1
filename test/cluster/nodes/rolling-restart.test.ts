import { jest } from '@jest/globals';
import { expectNoContradictions } from '../../support/cluster/agreement.js';
import { Cluster } from '../../support/cluster/cluster.js';
import { type DeployFigures, deployFigures } from '../../support/cluster/deploy-ledger.js';
import { Front } from '../../support/cluster/front.js';
import { LightClient } from '../../support/cluster/light-client.js';
import { Member } from '../../support/cluster/member.js';
import type { ClusterNode } from '../../support/cluster/nodes.js';
import { eventually } from '../../support/cluster/waiting.js';
import { onTeardown } from '../../support/teardown.js';

jest.setTimeout(240_000);

const CLIENTS = Number(process.env['SWITCHBOARD_DEPLOY_CLIENTS'] ?? 2_000);
const DRAIN_MS = process.env['SWITCHBOARD_DEPLOY_DRAIN_MS'] ?? '5000';
/** Longer than by default, for a machine that has other things to do. */
const GRACE_MS = '60000';
/** So many of the clients are in a room; each room has as many members as it may have. */
const IN_ROOMS = 200;
const ROOM_SIZE = 100;
/** They connect in parts, because a handshake with a signin takes a node some milliseconds. */
const AT_ONCE = 100;
const ARRIVED_MS = 60_000;

/** All clients, connected through the front. Gone after the test. */
async function crowd(front: Front): Promise<LightClient[]> {
  const clients = Array.from({ length: CLIENTS }, (_, index) => {
    const room = index < IN_ROOMS ? `presence-room-${Math.floor(index / ROOM_SIZE)}` : undefined;
    return new LightClient(`member-${index}`, front, room);
  });
  onTeardown(() => {
    for (const client of clients) client.leave();
  });
  for (let first = 0; first < CLIENTS; first += AT_ONCE) {
    const some = clients.slice(first, first + AT_ONCE);
    for (const client of some) client.open();
    await areReady(some);
  }
  return clients;
}

async function areReady(clients: readonly LightClient[]): Promise<void> {
  await eventually(ARRIVED_MS, () => {
    expect(clients.filter(({ isReady }) => !isReady).map(({ id }) => id)).toEqual([]);
  });
}

/** For who wants to know more than that the test passes. */
function show(figures: DeployFigures): void {
  if (process.env['SWITCHBOARD_SHOW_FIGURES'] === undefined) return;
  process.stdout.write(`${JSON.stringify({ clients: CLIENTS, drainMs: Number(DRAIN_MS), ...figures })}\n`);
}

test('three nodes restarted one after the other under load lose nothing that a connected member was sent', async () => {
  const cluster = await Cluster.start({
    SOCKET_DRAIN_MS: DRAIN_MS,
    SOCKET_PRESENCE_GRACE_MS: GRACE_MS,
    SOCKET_SUBSCRIPTION_COUNT: 'false',
    SOCKET_WEBHOOK_URLS: '',
  });
  const nodes: ClusterNode[] = [...(await cluster.three())];
  const everyNode = [...nodes];
  const publisher = await cluster.publisher();
  const front = await Front.before(nodes);
  const clients = await crowd(front);
  const browsers = await Promise.all(
    ['ada', 'amy', 'bob', 'carl'].map((id) => Member.on(front, id, 'presence-browsers')),
  );
  await eventually(ARRIVED_MS, () => {
    for (const browser of browsers) expect(browser.roster('presence-browsers')).toHaveLength(4);
  });
  const movesBefore = browsers.map((browser) => browser.moves('presence-browsers').length);

  const members = clients.map(({ id }) => id);
  const relayFrom = (node: ClusterNode, name: string, each: number) =>
    node.call('startTraffic', name, members, each);
  await relayFrom(publisher, 'publisher', 10);
  for (const [index, node] of nodes.entries()) await relayFrom(node, `node-${index}`, 2);
  for (const [index, node] of [...nodes].entries()) {
    const [next] = await Promise.all([cluster.node(), node.terminate()]);
    everyNode.push(next);
    nodes[index] = next;
    front.leadTo([...nodes]);
    await relayFrom(next, `next-${index}`, 2);
    await areReady(clients);
  }
  // One whose attempt took too long on a busy machine calls itself unavailable, and tries again after 15 seconds.
  await eventually(ARRIVED_MS, () => {
    expect(browsers.filter(({ isReady }) => !isReady).map(({ id }) => id)).toEqual([]);
  });
  for (const sender of [publisher, ...nodes]) await sender.call('stopTraffic');
  const accepted = () => [publisher, ...everyNode].flatMap(({ relayed }) => relayed);
  const sentAway = new Map(everyNode.flatMap((node) => [...node.sentAway]));
  await eventually(ARRIVED_MS, () => {
    expect(deployFigures(clients, accepted(), sentAway).lost).toBe(0);
  }).finally(() => {
    show(deployFigures(clients, accepted(), sentAway));
  });

  const figures = deployFigures(clients, accepted(), sentAway);
  expect(figures).toMatchObject({ lost: 0, duplicated: 0, outOfOrder: 0 });
  // All of them moved, and for no other reason than that they were sent away.
  expect(figures.moves).toBeGreaterThanOrEqual(CLIENTS);
  expect(figures.closes).toEqual({ 4200: figures.moves });
  expect(figures.accepted).toBeGreaterThan(CLIENTS);
  // All at once it would be nearly half of them: whoever was on the last node.
  if (Number(DRAIN_MS) >= 5_000) expect(figures.largestBurst).toBeLessThan(figures.moves / 3);
  // A member that came back in time neither left nor came.
  const told = everyNode.flatMap(({ channelEvents }) => channelEvents);
  expect(told.filter(({ name }) => name === 'member_removed')).toEqual([]);
  const came = told.flatMap((event) => (event.name === 'member_added' ? event.user_id : []));
  expect(came.filter((id, index) => came.indexOf(id) !== index)).toEqual([]);
  expect(came).toHaveLength(Math.min(CLIENTS, IN_ROOMS) + browsers.length);
  expect(browsers.map((browser) => browser.moves('presence-browsers').length)).toEqual(movesBefore);
  expectNoContradictions(browsers);
});
