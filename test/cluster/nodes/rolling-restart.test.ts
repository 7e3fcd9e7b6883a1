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

const GIVEN_CLIENTS = process.env['SWITCHBOARD_DEPLOY_CLIENTS'];
const CLIENTS = Number(GIVEN_CLIENTS ?? 2_000);
/** Each of them also asks for what it has missed, after each of its moves. */
const CLIENTS_WITH_HISTORY = Number(GIVEN_CLIENTS ?? 500);
const DRAIN_MS = process.env['SWITCHBOARD_DEPLOY_DRAIN_MS'] ?? '5000';
/** Longer than by default, for a machine that has other things to do. */
const GRACE_MS = '60000';
/** So many of the clients are in a room; each room has as many members as it may have. */
const IN_ROOMS = 200;
const ROOM_SIZE = 100;
/** They connect in parts, because a handshake with a signin takes a node some milliseconds. */
const AT_ONCE = 100;
const ARRIVED_MS = 60_000;
/** So many names are enough for a message. Thousands, many times a second, would keep the clients from being served. */
const NAMES = 10;

/** So many clients, connected through the front. Gone after the test. */
async function crowd(front: Front, count: number, hasHistory: boolean): Promise<LightClient[]> {
  const clients = Array.from({ length: count }, (_, index) => {
    const room = index < IN_ROOMS ? `presence-room-${Math.floor(index / ROOM_SIZE)}` : undefined;
    return new LightClient(`member-${index}`, front, room, hasHistory);
  });
  onTeardown(() => {
    for (const client of clients) client.leave();
  });
  for (let first = 0; first < count; first += AT_ONCE) {
    const some = clients.slice(first, first + AT_ONCE);
    for (const client of some) client.open();
    await areReady(some);
  }
  return clients;
}

async function areReady(clients: readonly LightClient[]): Promise<void> {
  await eventually(ARRIVED_MS, () => {
    const missing = clients.filter(({ isReady }) => !isReady);
    expect(missing.slice(0, NAMES).map(({ id }) => id)).toEqual([]);
  });
}

/** For who wants to know more than that the test passes. */
function show(clients: number, figures: DeployFigures): void {
  if (process.env['SWITCHBOARD_SHOW_FIGURES'] === undefined) return;
  process.stdout.write(`${JSON.stringify({ clients, drainMs: Number(DRAIN_MS), ...figures })}\n`);
}

/** Restarts three nodes one after the other, under load. */
async function restart(count: number, hasHistory: boolean): Promise<DeployFigures> {
  const cluster = await Cluster.start({
    ...(hasHistory && { SOCKET_HISTORY: 'members' }),
    SOCKET_DRAIN_MS: DRAIN_MS,
    SOCKET_PRESENCE_GRACE_MS: GRACE_MS,
    SOCKET_SUBSCRIPTION_COUNT: 'false',
    SOCKET_WEBHOOK_URLS: '',
  });
  const nodes: ClusterNode[] = [...(await cluster.three())];
  const everyNode = [...nodes];
  const publisher = await cluster.publisher();
  const front = await Front.before(nodes);
  const clients = await crowd(front, count, hasHistory);
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
  const figuresNow = () => deployFigures(clients, accepted(), sentAway);
  // With history everything has to arrive, and counting is quick. The figures would take the time that clients need to catch up.
  const heard = () => clients.reduce((sum, client) => sum + client.heard.length, 0);
  const missing = () => (hasHistory ? Math.max(0, accepted().length - heard()) : figuresNow().lost);
  await eventually(ARRIVED_MS, () => {
    expect(missing()).toBe(0);
  }).finally(() => {
    show(count, figuresNow());
  });

  const figures = figuresNow();
  expect(figures).toMatchObject({ lost: 0, duplicated: 0, outOfOrder: 0 });
  // All of them moved, and for no other reason than that they were sent away.
  expect(figures.moves).toBeGreaterThanOrEqual(count);
  expect(figures.closes).toEqual({ 4200: figures.moves });
  expect(figures.accepted).toBeGreaterThan(count);
  // A member that came back in time neither left nor came.
  const told = everyNode.flatMap(({ channelEvents }) => channelEvents);
  expect(told.filter(({ name }) => name === 'member_removed')).toEqual([]);
  const came = told.flatMap((event) => (event.name === 'member_added' ? event.user_id : []));
  expect(came.filter((id, index) => came.indexOf(id) !== index)).toEqual([]);
  expect(came).toHaveLength(Math.min(count, IN_ROOMS) + browsers.length);
  expect(browsers.map((browser) => browser.moves('presence-browsers').length)).toEqual(movesBefore);
  expectNoContradictions(browsers);
  return figures;
}

test('three nodes restarted one after the other under load lose nothing that a connected member was sent', async () => {
  const { largestBurst, moves } = await restart(CLIENTS, false);
  // All at once it would be nearly half of them: whoever was on the last node.
  if (Number(DRAIN_MS) >= 5_000) expect(largestBurst).toBeLessThan(moves / 3);
});

test('with a history, members that were away while the nodes were restarted hear that too, once and in order', async () => {
  const figures = await restart(CLIENTS_WITH_HISTORY, true);
  expect(figures).toMatchObject({ delivered: figures.accepted, whileAway: 0, gaps: {} });
  expect(figures.caughtUp).toBeGreaterThan(0);
});
