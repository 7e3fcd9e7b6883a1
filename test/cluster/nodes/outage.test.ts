import { jest } from '@jest/globals';
import {
  expectNoContradictions,
  expectRosterInBrowsers,
  expectRosterOnNodes,
} from '../../support/cluster/agreement.js';
import { Api } from '../../support/cluster/api.js';
import { Cluster } from '../../support/cluster/cluster.js';
import { Member } from '../../support/cluster/member.js';
import type { ClusterNode } from '../../support/cluster/nodes.js';
import { Traffic } from '../../support/cluster/traffic.js';
import { eventually, SETTLED_MS, throughout, within } from '../../support/cluster/waiting.js';

jest.setTimeout(180_000);

const ROOM = 'presence-room';
const NEWS = 'private-news';
/** Within this a relay is settled: the two seconds that a command may take, on a busy machine. */
const RELAY_MS = 2_500;
/** And within this an outage is noticed. */
const NOTICED_MS = 5_000;
/** A browser on the same node may wait so long for a relay, Redis or not, on a busy machine. */
const LOCAL_MS = 500;
/** How long an outage under load lasts. */
const OUTAGE_MS = 3_000;
/** Longer than a lease, so that every one of them has run out when Redis goes on. */
const LONG_PAUSE_MS = 10_000;
const MEGABYTE = 1024 * 1024;
const HEAP_GROWTH = 32 * MEGABYTE;

/** How many commands of these kinds, or altogether. */
function sum(commands: Readonly<Record<string, number>>, ...kinds: readonly string[]): number {
  return Object.entries(commands)
    .filter(([kind]) => kinds.length === 0 || kinds.includes(kind))
    .reduce((total, [, calls]) => total + calls, 0);
}

const status = async (node: ClusterNode): Promise<string> => (await node.call('health')).status;

async function expectUp(nodes: readonly ClusterNode[]): Promise<void> {
  expect(await Promise.all(nodes.map(status))).toEqual(nodes.map(() => 'up'));
}

async function expectDegraded(nodes: readonly ClusterNode[]): Promise<void> {
  for (const node of nodes) {
    const health = await node.call('health');
    expect(health).toMatchObject({ status: 'degraded' });
    expect(typeof health.node).toBe('string');
  }
}

describe('While Redis is gone', () => {
  test('each node serves its own browsers in time, says that the rest was lost, and comes back to what is true', async () => {
    const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: '500' });
    const nodes = await cluster.two();
    const [first, second] = nodes;
    const many = Array.from({ length: 100 }, (_, n) => `private-many-${n}`);
    const [ada, bob, leaver, mover] = await Promise.all([
      Member.on(first, 'ada', ROOM, NEWS, ...many),
      Member.on(second, 'bob', ROOM, NEWS, ...many),
      Member.on(second, 'leaver', ROOM),
      Member.on(first, 'mover', ROOM),
    ]);
    await eventually(SETTLED_MS, () => {
      expectRosterInBrowsers([ada, bob, leaver, mover], ROOM, ['ada', 'bob', 'leaver', 'mover']);
    });
    const traffic = new Traffic(first, NEWS, 'first');
    await eventually(SETTLED_MS, () => {
      expect(traffic.latencies(bob).size).toBeGreaterThan(20);
    });

    await cluster.redis.stop();
    const outage = performance.now();
    await eventually(NOTICED_MS, () => expectDegraded(nodes));
    const noticed = performance.now();
    expect(await new Api(first).status(`/channels/${ROOM}/users`)).toBe(503);
    expect(await new Api(second).status('/channels')).toBe(503);
    const lost = await second.call('relayToMember', 'ada', 'LOST');
    expect(lost).toMatchObject({ status: 'failed' });
    // Members come, go and move while nobody can tell the others.
    leaver.vanish();
    mover.drop(second);
    const newcomer = await Member.open('newcomer', first);
    newcomer.join('private-local');
    await newcomer.isSettled();
    newcomer.join(ROOM);
    await eventually(RELAY_MS, async () => {
      await first.call('relayToChannel', 'private-local', 'LOCAL');
      expect(newcomer.payloads('LOCAL').length).toBeGreaterThan(0);
    });
    await throughout(Math.max(0, OUTAGE_MS - (performance.now() - outage)), () => expectDegraded(nodes));

    const outageEnds = performance.now();
    await cluster.redis.restart();
    const present = ['ada', 'bob', 'mover', 'newcomer'];
    await eventually(SETTLED_MS, async () => {
      await expectUp(nodes);
      await expectRosterOnNodes(nodes, ROOM, present);
      expectRosterInBrowsers([ada, bob, newcomer, mover], ROOM, present);
      for (const node of nodes) {
        const occupied = await new Api(node).occupied('private-');
        expect(occupied).toEqual([...many, NEWS, 'private-local'].sort());
      }
      expect(await new Api(second).channel(NEWS, 'subscription_count')).toEqual({
        occupied: true,
        subscription_count: 2,
      });
    });
    await eventually(SETTLED_MS, async () => {
      await second.call('relayToMember', 'ada', 'AGAIN');
      await first.call('relayToChannel', 'private-many-99', 'AGAIN');
      expect(ada.payloads('AGAIN').length).toBeGreaterThan(0);
      expect(bob.payloads('AGAIN').length).toBeGreaterThan(0);
    });
    const sent = await traffic.stop();

    // Every relay was settled in time, and reached the browser on the same node in time.
    expect(Math.max(...sent.map(({ receipt }) => receipt.ms))).toBeLessThan(RELAY_MS);
    // The last one may be on its way: a receipt does not wait for the browser.
    await eventually(LOCAL_MS, () => {
      const reached = traffic.latencies(ada);
      expect(sent.filter(({ n }) => !reached.has(n))).toEqual([]);
    });
    const reached = traffic.latencies(ada);
    expect(Math.max(...reached.values())).toBeLessThan(LOCAL_MS);
    // Those that the other node missed say so, from the moment that the outage was noticed.
    const during = sent.filter(({ at }) => at > noticed && at < outageEnds);
    expect(during.length).toBeGreaterThan(10);
    expect(during.filter(({ receipt }) => receipt.status !== 'failed')).toEqual([]);
    expect((await first.call('relays')).failed).toBeGreaterThanOrEqual(during.length);
    const after = sent.slice(-5);
    expect(after.map(({ receipt }) => receipt.status)).toEqual(after.map(() => 'sent'));

    // No departure was told of a member that was never away; one was told of each that left.
    const moves = cluster.webhooks.moves(ROOM);
    await eventually(SETTLED_MS, () => {
      for (const id of ['ada', 'bob']) expect(cluster.webhooks.moves(ROOM)).not.toContain(`-${id}`);
      expect(cluster.webhooks.moves(ROOM).filter((move) => move === '-leaver')).toEqual(['-leaver']);
    });
    expect(moves.filter((move) => move === '+ada')).toEqual(['+ada']);
    expect([...ada.moves(ROOM), ...bob.moves(ROOM)]).not.toContain('-ada');
    expect([...ada.moves(ROOM), ...bob.moves(ROOM)]).not.toContain('-bob');
    expectNoContradictions([ada, bob, mover, newcomer]);
  });

  test('those who were about to leave then have left when it is back, and that is told once', async () => {
    const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: '1500' });
    const nodes = await cluster.two();
    const [first, second] = nodes;
    const ada = await Member.on(first, 'ada', ROOM);
    const bob = await Member.on(second, 'bob', ROOM);
    await eventually(SETTLED_MS, () => {
      expect(cluster.webhooks.moves(ROOM)).toEqual(['+ada', '+bob']);
    });
    ada.vanish();
    await eventually(SETTLED_MS, async () => {
      expect(await first.call('health')).toMatchObject({ connections: 0 });
    });
    await cluster.redis.restart();
    await eventually(SETTLED_MS, async () => {
      await expectRosterOnNodes(nodes, ROOM, ['bob']);
      expectRosterInBrowsers([bob], ROOM, ['bob']);
      expect(cluster.webhooks.moves(ROOM)).toEqual(['+ada', '+bob', '-ada']);
    });
    expect(bob.moves(ROOM).filter((move) => move.startsWith('-'))).toEqual(['-ada']);
  });

  test('it is asked moderately when it is back: no more than what is held takes', async () => {
    const cluster = await Cluster.start();
    const nodes = await cluster.three();
    const channels = Array.from({ length: 200 }, (_, n) => `private-many-${n}`);
    await Promise.all(nodes.map((node, n) => Member.on(node, `member-${n}`, ROOM, ...channels)));
    await cluster.redis.stop();
    await eventually(NOTICED_MS, () => expectDegraded(nodes));
    await cluster.redis.restart();
    await eventually(SETTLED_MS, async () => {
      await expectUp(nodes);
      await expectRosterOnNodes(nodes, ROOM, ['member-0', 'member-1', 'member-2']);
    });
    const restored = await cluster.redis.commands();
    const held = nodes.length * (channels.length + 2);
    // One script and one subscription for each, and in the script what it takes: twice would be a storm.
    expect(sum(restored, 'evalsha', 'eval', 'fcall')).toBeLessThan(100 + 1.5 * held);
    expect(sum(restored, 'subscribe', 'ssubscribe')).toBeLessThan(100 + 1.5 * held);
    expect(sum(restored)).toBeLessThan(500 + 30 * held);
    // And then it is quiet: leases, and what this test asks.
    const quietFor = 2_000;
    const polls = { count: 0 };
    await throughout(quietFor, async () => {
      polls.count++;
      await expectUp(nodes);
    });
    const quiet = sum(await cluster.redis.commands()) - sum(restored);
    expect(quiet).toBeLessThan(200 + 10 * nodes.length * polls.count);
    const clients = await cluster.redis.client().info('clients');
    expect(Number(/connected_clients:(\d+)/.exec(clients)?.[1])).toBeLessThanOrEqual(nodes.length * 4 + 2);
  });

  test('memory stays bounded, however much is relayed, and whether it is dead or only silent', async () => {
    const cluster = await Cluster.start();
    const node = await cluster.node();
    const ada = await Member.on(node, 'ada', NEWS);
    await node.call('flood', NEWS, 200, 1_000);
    const before = await node.call('heapBytes');
    for (const silence of ['paused', 'dead'] as const) {
      if (silence === 'paused') cluster.redis.pause();
      else await cluster.redis.stop();
      // The first to find out wait for it; nobody may wait long.
      const found = await node.call('flood', 'private-nobody-here', 100, 100);
      expect(found.slowestMs).toBeLessThan(RELAY_MS);
      await eventually(NOTICED_MS, () => expectDegraded([node]));
      const { failed, slowestMs } = await node.call('flood', 'private-nobody-here', 10_000, 4_000);
      expect({ silence, failed }).toEqual({ silence, failed: 10_000 });
      expect(slowestMs).toBeLessThan(RELAY_MS);
      expect((await node.call('heapBytes')) - before).toBeLessThan(HEAP_GROWTH);
      if (silence === 'paused') cluster.redis.resume();
      else await cluster.redis.restart();
      await eventually(SETTLED_MS, () => expectUp([node]));
    }
    await node.call('relayToChannel', NEWS, 'STILL_HERE');
    await eventually(RELAY_MS, () => {
      expect(ada.payloads('STILL_HERE')).toHaveLength(1);
    });
  });

  test('a node that is asked to end, ends', async () => {
    const cluster = await Cluster.start();
    const [first, second] = await cluster.two();
    const ada = await Member.on(first, 'ada', ROOM);
    await cluster.redis.stop();
    await eventually(NOTICED_MS, () => expectDegraded([first, second]));
    ada.line.leadTo(second);
    await within(5_000, 'SIGTERM', first.terminate());
    await within(5_000, 'close()', second.close());
  });
});

describe('A Redis that is silent for longer than every lease', () => {
  test('costs nobody who is there the place: nobody is told to have left', async () => {
    const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: '300' });
    const nodes = await cluster.two();
    const [first, second] = nodes;
    const ada = await Member.on(first, 'ada', ROOM, NEWS);
    const bob = await Member.on(second, 'bob', ROOM, NEWS);
    await eventually(SETTLED_MS, () => {
      expect(cluster.webhooks.moves(ROOM)).toEqual(['+ada', '+bob']);
    });
    const traffic = new Traffic(first, NEWS, 'silence');
    cluster.redis.pause();
    const paused = performance.now();
    await eventually(NOTICED_MS, () => expectDegraded(nodes));
    await throughout(LONG_PAUSE_MS - (performance.now() - paused), () => expectDegraded(nodes));
    cluster.redis.resume();
    await eventually(SETTLED_MS, async () => {
      await expectUp(nodes);
      await expectRosterOnNodes(nodes, ROOM, ['ada', 'bob']);
      await second.call('relayToMember', 'ada', 'AGAIN');
      expect(ada.payloads('AGAIN').length).toBeGreaterThan(0);
    });
    const sent = await traffic.stop();
    expect(Math.max(...sent.map(({ receipt }) => receipt.ms))).toBeLessThan(RELAY_MS);
    // The last one may be on its way: a receipt does not wait for the browser.
    await eventually(LOCAL_MS, () => {
      const reached = traffic.latencies(ada);
      expect(sent.filter(({ n }) => !reached.has(n))).toEqual([]);
    });
    const reached = traffic.latencies(ada);
    expect(Math.max(...reached.values())).toBeLessThan(LOCAL_MS);
    expectRosterInBrowsers([ada, bob], ROOM, ['ada', 'bob']);
    // A relay into the silence was reported as lost: it must not arrive minutes later all the same.
    const late = [...traffic.latencies(bob).values()].filter((ms) => ms > LONG_PAUSE_MS / 2);
    expect(late).toEqual([]);
    await throughout(2_500, () => {
      expect([...ada.moves(ROOM), ...bob.moves(ROOM)].filter((move) => move.startsWith('-'))).toEqual([]);
      expect(cluster.webhooks.moves(ROOM)).toEqual(['+ada', '+bob']);
    });
  });
});

describe('A Redis that forgets', () => {
  const forgetting = [
    ['everything', async (redis) => redis.flushall()],
    ['its scripts', async (redis) => redis.script('FLUSH')],
    ['its subscribers', async (redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')],
    ['its clients', async (redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')],
  ] satisfies [string, (redis: ReturnType<Cluster['redis']['client']>) => Promise<unknown>][];

  test('is reminded by the nodes, and nobody leaves for it', async () => {
    const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: '300' });
    const nodes = await cluster.two();
    const [first, second] = nodes;
    const ada = await Member.on(first, 'ada', ROOM, NEWS);
    const bob = await Member.on(second, 'bob', ROOM, NEWS);
    const everybody = ['ada', 'bob'];
    const redis = cluster.redis.client();
    for (const [what, forget] of forgetting) {
      await forget(redis);
      const event = `AFTER_${what.replace(' ', '_')}`;
      await eventually(SETTLED_MS, async () => {
        await second.call('relayToMember', 'ada', event);
        await first.call('relayToChannel', NEWS, event);
        expect({
          what,
          reached: [ada, bob].filter((member) => member.payloads(event).length > 0).length,
        }).toEqual({ what, reached: 2 });
        await expectUp(nodes);
        await expectRosterOnNodes(nodes, ROOM, everybody);
      });
      const id = `newcomer-${everybody.length}`;
      everybody.push(id);
      await Member.on(first, id, ROOM);
      await eventually(SETTLED_MS, async () => {
        await expectRosterOnNodes(nodes, ROOM, everybody);
        expectRosterInBrowsers([ada, bob], ROOM, everybody);
      });
    }
    expect([...ada.moves(ROOM), ...bob.moves(ROOM)].filter((move) => move.startsWith('-'))).toEqual([]);
    await eventually(SETTLED_MS, () => {
      expect(cluster.webhooks.moves(ROOM)).toEqual(everybody.map((id) => `+${id}`).sort());
    });
    expectNoContradictions([ada, bob]);
  });
});
