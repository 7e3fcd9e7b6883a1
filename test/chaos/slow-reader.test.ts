import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { jest } from '@jest/globals';
import type { WebSocket } from 'ws';
import { NODE_SETTINGS } from '../support/cluster/app.js';
import { ClusterNode } from '../support/cluster/nodes.js';
import { eventually } from '../support/cluster/waiting.js';
import { Crowd, dial, join } from './support/crowd.js';
import { show } from './support/figures.js';

jest.setTimeout(120_000);

const FAST = 1_000;
const TICKS = 60;
const EVERY_MS = 25;
/** Far more than a kernel keeps for a socket, so that what is not read has to wait in the gateway. */
const FEED_EVENTS = 20;
const FEED_TEXT = 'x'.repeat(10_000);
/** A median is moved by this much by a machine with other things to do. */
const NOISE_MS = 50;
const MEGABYTE = 1024 * 1024;
const BUFFERED_BYTES = MEGABYTE;
const SLOW_AT_ONCE = 20;
/** The bytes that a gateway needs for all that, besides those that wait for slow readers. */
const HEAP_NOISE = 16 * MEGABYTE;

async function start(): Promise<ClusterNode> {
  return ClusterNode.start({
    ...NODE_SETTINGS,
    SOCKET_SUBSCRIPTION_COUNT: 'false',
    SOCKET_MAX_BUFFERED_BYTES: String(BUFFERED_BYTES),
  });
}

/** Is on these channels, and reads nothing any more. */
async function slowReader(
  node: ClusterNode,
  ...channels: readonly string[]
): Promise<{ socket: WebSocket; id: string }> {
  const { socket, id } = await dial(node);
  await join(socket, ...channels);
  socket.pause();
  return { socket, id };
}

/** Ticks for the crowd, and beside them the feed, which is too much for whoever does not read. */
async function tick(node: ClusterNode, crowd: Crowd): Promise<void> {
  for (let count = 0; count < TICKS; count++) {
    const feed = Array.from({ length: FEED_EVENTS }, () =>
      node.call('relayToChannel', 'feed', 'FED', FEED_TEXT),
    );
    const ticked = node.call('relayToChannel', 'news', 'TICKED', { n: crowd.ticks() });
    const receipts = await Promise.all([ticked, ...feed]);
    expect(receipts.filter(({ status }) => status !== 'sent')).toEqual([]);
    await delay(EVERY_MS);
  }
}

test('one reader that stops reading is closed with 4100, and a thousand others notice nothing', async () => {
  const node = await start();
  const crowd = await Crowd.on(node, 'news', FAST);
  // This one reads the feed as fast as it comes, so that there is as much to do in every run.
  await join((await dial(node)).socket, 'feed');
  const without = [];
  const beside = [];
  let closedWith = 0;
  // The close arrives only if the reader goes on in the second that the gateway leaves it: a machine may stall for longer.
  for (let attempt = 0; attempt < 3 && closedWith !== 4100; attempt++) {
    await tick(node, crowd);
    without.push(await crowd.hasHeardAll());
    const slow = await slowReader(node, 'news', 'feed');
    const closed = once(slow.socket, 'close') as Promise<[number]>;
    const ticking = tick(node, crowd);
    await eventually(30_000, () => {
      expect([...node.sentAway.keys()]).toContain(slow.id);
    });
    slow.socket.resume();
    [closedWith] = await closed;
    await ticking;
    beside.push(await crowd.hasHeardAll());
  }
  expect(closedWith).toBe(4100);
  const [usual] = without;
  const [slowed] = beside;
  if (usual === undefined || slowed === undefined) throw new Error('There was no attempt');
  expect(slowed.deliveries).toBe(FAST * TICKS);
  expect(slowed.medianMs).toBeLessThan(3 * usual.medianMs + NOISE_MS);
  expect(await node.call('health')).toMatchObject({ connections: FAST + 1 });
  show('one slow reader', { fast: FAST, without: usual, beside: slowed, closedWith });
});

test('the bytes that wait for slow readers are bounded, and are gone with them', async () => {
  const node = await start();
  await node.call('flood', 'feed', 200, 1_000);
  const before = await node.call('heapBytes');
  await Promise.all(Array.from({ length: SLOW_AT_ONCE }, () => slowReader(node, 'feed')));
  const samples: number[] = [];
  let relayed = 0;
  await eventually(60_000, async () => {
    await node.call('flood', 'feed', 100, FEED_TEXT.length);
    relayed += 100 * FEED_TEXT.length;
    samples.push((await node.call('heapBytes')) - before);
    expect((await node.call('health')).connections).toBe(0);
  });
  const most = Math.max(...samples);
  expect(most).toBeLessThan(SLOW_AT_ONCE * BUFFERED_BYTES + HEAP_NOISE);
  const after = (await node.call('heapBytes')) - before;
  expect(after).toBeLessThan(HEAP_NOISE);
  show('memory of slow readers', {
    readers: SLOW_AT_ONCE,
    relayedMB: Math.round((relayed * SLOW_AT_ONCE) / MEGABYTE),
    mostMB: Math.round(most / MEGABYTE),
    afterMB: Math.round(after / MEGABYTE),
  });
});
