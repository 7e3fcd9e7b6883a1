import { jest } from '@jest/globals';
import { ChaosProxy } from '../support/chaos-proxy.js';
import {
  expectNoContradictions,
  expectRosterInBrowsers,
  expectRosterOnNodes,
} from '../support/cluster/agreement.js';
import { Cluster } from '../support/cluster/cluster.js';
import { Member } from '../support/cluster/member.js';
import type { ClusterNode } from '../support/cluster/nodes.js';
import { eventually, throughout } from '../support/cluster/waiting.js';
import { show, since } from './support/figures.js';
import { Steady } from './support/steady.js';

jest.setTimeout(120_000);

const ROOM = 'presence-room';
const SETTLED_MS = 30_000;
const EVERY_MS = 20;
/** Shorter than a lease, with room for a machine that stalls. */
const SHORT_MS = 3_000;
/** Events are told apart by who sends them. */
const [FROM_FIRST, FROM_SECOND] = ['FROM_FIRST', 'FROM_SECOND'];

/** Two nodes, of which the first has a bad network to Redis, a member on each, and traffic from each node to both. */
class TwoNodes {
  private constructor(
    readonly first: ClusterNode,
    readonly second: ClusterNode,
    readonly proxy: ChaosProxy,
    readonly ada: Member,
    readonly bob: Member,
    readonly fromFirst: Steady,
    readonly fromSecond: Steady,
    readonly cluster: Cluster,
    readonly hasHistory: boolean,
  ) {}

  static async start(history = ''): Promise<TwoNodes> {
    const cluster = await Cluster.start({
      SOCKET_PRESENCE_GRACE_MS: '300',
      SOCKET_HISTORY: history,
      // As long as the trouble lasts.
      SOCKET_HISTORY_EVENTS: '2000',
    });
    const proxy = await ChaosProxy.before(cluster.redis.port);
    const url = `redis://127.0.0.1:${proxy.port}`;
    const [first, second] = await Promise.all([cluster.node({ SOCKET_REDIS_URL: url }), cluster.node()]);
    const ada = await Member.on(first, 'ada', ROOM);
    const bob = await Member.on(second, 'bob', ROOM);
    const from = (node: ClusterNode, event: string) =>
      Steady.to([ada, bob], (id, n) => node.call('relayToMember', id, event, { n }), EVERY_MS, event);
    const nodes = new TwoNodes(
      ...([first, second, proxy, ada, bob] as const),
      ...([from(first, FROM_FIRST), from(second, FROM_SECOND), cluster, history !== ''] as const),
    );
    await nodes.hearAgain();
    await eventually(SETTLED_MS, () => {
      expect(nodes.told).toEqual(['+ada', '+bob']);
    });
    return nodes;
  }

  /** The arrivals and departures, as the webhooks of the whole cluster report them. */
  get told(): readonly string[] {
    return this.cluster.webhooks.moves(ROOM);
  }

  async isNoticed(): Promise<void> {
    await eventually(SETTLED_MS, async () => {
      expect(await this.first.call('health')).toMatchObject({ status: 'degraded' });
    });
  }

  /** Waits until each member hears what both nodes relay from now on. */
  async hearAgain(): Promise<void> {
    await Promise.all([this.fromFirst.isHeardByAll(SETTLED_MS), this.fromSecond.isHeardByAll(SETTLED_MS)]);
  }

  /** Ends the traffic, and checks what holds whatever was wrong with the first node's way to Redis. */
  async settle(): Promise<object> {
    await Promise.all([this.fromFirst.stop(), this.fromSecond.stop()]);
    const { fromFirst, fromSecond } = this;
    await eventually(SETTLED_MS, async () => {
      // A failure is told by health() for some seconds more.
      for (const node of [this.first, this.second])
        expect(await node.call('health')).toMatchObject({ status: 'up' });
      await expectRosterOnNodes([this.first, this.second], ROOM, ['ada', 'bob']);
      expectRosterInBrowsers([this.ada, this.bob], ROOM, ['ada', 'bob']);
      // Members of the node that relays hear everything, whatever the receipt says of the others.
      const local = fromFirst.figuresOf('ada');
      if (!this.hasHistory) expect(local.delivered + local.failedAndHeard).toBe(local.relays);
      expect(fromSecond.figuresOf('bob')).toMatchObject({ failed: 0, lost: 0, cutOff: 0 });
      // Relays that could not leave were reported.
      expect(fromFirst.figuresOf('bob')).toMatchObject({ lost: 0, cutOff: 0 });
      for (const { figures } of [fromFirst, fromSecond])
        expect(figures).toMatchObject({ duplicated: 0, outOfOrder: 0 });
      // The log has what the node could not hear, and members get it in its place.
      if (this.hasHistory)
        for (const { figures } of [fromFirst, fromSecond])
          expect(figures).toMatchObject({ lost: 0, cutOff: 0 });
    });
    expectNoContradictions([this.ada, this.bob]);
    const across = fromFirst.figuresOf('bob');
    const back = fromSecond.figuresOf('ada');
    return {
      relays: fromFirst.relays.length + fromSecond.relays.length,
      local: {
        relays: fromFirst.figuresOf('ada').relays + fromSecond.figuresOf('bob').relays,
        delivered: fromFirst.figuresOf('ada').delivered + fromSecond.figuresOf('bob').delivered,
        told: fromFirst.figuresOf('ada').failed,
        toldAndHeard: fromFirst.figuresOf('ada').failedAndHeard,
      },
      toTheOther: {
        relays: across.relays,
        delivered: across.delivered,
        told: across.failed,
        toldAndHeard: across.failedAndHeard,
        lost: across.lost,
      },
      toTheNodeThatCannotHear: { relays: back.relays, delivered: back.delivered, lost: back.lost },
      duplicated: fromFirst.figures.duplicated + fromSecond.figures.duplicated,
    };
  }
}

describe('One node’s way to Redis', () => {
  test('that is slow delays what goes to other nodes and nothing else', async () => {
    const nodes = await TwoNodes.start();
    const { ada, first, proxy, second } = nodes;
    proxy.delay(100, 50);
    await nodes.fromFirst.goesOn(200);
    // A relay does not wait for Redis where it is sent. Now and then a busy test may see the two the other way round.
    const order: string[] = [];
    ada.pusher.user.bind('AT_ONCE', () => order.push('heard'));
    for (let n = 0; n < 5; n++) {
      await first.call('relayToMember', 'ada', 'AT_ONCE');
      order.push('receipt');
    }
    expect(order[0]).toBe('heard');
    const [carl, dora] = await Promise.all([Member.on(first, 'carl', ROOM), Member.on(second, 'dora', ROOM)]);
    await eventually(SETTLED_MS, async () => {
      await expectRosterOnNodes([first, second], ROOM, ['ada', 'bob', 'carl', 'dora']);
      expectRosterInBrowsers([ada, nodes.bob, carl, dora], ROOM, ['ada', 'bob', 'carl', 'dora']);
    });
    carl.pusher.disconnect();
    dora.pusher.disconnect();
    proxy.delay(0);
    await nodes.hearAgain();
    const figures = await nodes.settle();
    expect(nodes.fromFirst.figures).toMatchObject({ failed: 0, lost: 0 });
    expect(nodes.fromSecond.figures).toMatchObject({ failed: 0, lost: 0 });
    show('redis: latency of 200 to 300 ms', { ...figures, slowestMs: nodes.fromFirst.figures.slowestMs });
  });

  test('that is a black hole for less than a lease leaves nobody gone, and what could not leave was told', async () => {
    const nodes = await TwoNodes.start();
    const { bob, fromFirst, proxy, second } = nodes;
    proxy.swallow();
    const swallowed = performance.now();
    await nodes.isNoticed();
    const noticedMs = since(swallowed);
    await throughout(SHORT_MS - since(swallowed), async () => {
      expect(await second.call('health')).toMatchObject({ status: 'up' });
    });
    proxy.release();
    const released = performance.now();
    await nodes.hearAgain();
    const recoveredMs = since(released);
    const figures = await nodes.settle();
    expect(fromFirst.figuresOf('bob').failed).toBeGreaterThan(0);
    expect(bob.moves(ROOM)).toEqual([]);
    expect(nodes.told).toEqual(['+ada', '+bob']);
    show('redis: a short black hole of one node', { ...figures, noticedMs, recoveredMs });
  });

  test('that is a black hole for longer than a lease has its members told as gone and as come, and all agree then', async () => {
    const nodes = await TwoNodes.start();
    const { ada, bob, proxy, second } = nodes;
    proxy.swallow();
    const swallowed = performance.now();
    await eventually(SETTLED_MS, async () => {
      await expectRosterOnNodes([second], ROOM, ['bob']);
      expectRosterInBrowsers([bob], ROOM, ['bob']);
    });
    const goneMs = since(swallowed);
    proxy.release();
    const released = performance.now();
    await nodes.hearAgain();
    const recoveredMs = since(released);
    const figures = await nodes.settle();
    expect(bob.moves(ROOM)).toEqual(['-ada', '+ada']);
    expect(ada.moves(ROOM).filter((move) => move.endsWith('ada'))).toEqual([]);
    await eventually(SETTLED_MS, () => {
      expect(nodes.told).toEqual(['+ada', '+ada', '+bob', '-ada']);
    });
    show('redis: a long black hole of one node', { ...figures, goneMs, recoveredMs });
  });

  test('that breaks in the middle of messages, again and again, tears none: nobody leaves, and what could not leave was told', async () => {
    const nodes = await TwoNodes.start();
    const { bob, proxy } = nodes;
    const recoveries: number[] = [];
    for (let round = 0; round < 10; round++) {
      const torn = proxy.torn;
      proxy.tearAfter(30 + 7 * round, round % 2 === 0 ? 'up' : 'down');
      await eventually(SETTLED_MS, () => {
        expect(proxy.torn).toBeGreaterThan(torn);
      });
      const broken = performance.now();
      await nodes.hearAgain();
      recoveries.push(since(broken));
    }
    const figures = await nodes.settle();
    expect(bob.moves(ROOM)).toEqual([]);
    expect(nodes.told).toEqual(['+ada', '+bob']);
    for (const node of [nodes.first, nodes.second])
      expect(await node.call('health')).toMatchObject({ cluster: { malformed: 0 } });
    show('redis: resets within messages', {
      ...figures,
      torn: proxy.torn,
      recoveredMs: Math.max(...recoveries),
    });
  });
});

describe('One node’s way to Redis, on channels with history,', () => {
  test('that is a black hole for less than a lease loses nothing that was accepted', async () => {
    const nodes = await TwoNodes.start('members');
    const { proxy } = nodes;
    proxy.swallow();
    await nodes.isNoticed();
    await nodes.fromSecond.goesOn(100);
    proxy.release();
    const released = performance.now();
    await nodes.hearAgain();
    const recoveredMs = since(released);
    show('redis, history: a short black hole of one node', { ...(await nodes.settle()), recoveredMs });
  });

  test('that is a black hole for longer than a lease loses nothing that was accepted', async () => {
    const nodes = await TwoNodes.start('members');
    const { bob, proxy, second } = nodes;
    proxy.swallow();
    await eventually(SETTLED_MS, async () => {
      await expectRosterOnNodes([second], ROOM, ['bob']);
      expectRosterInBrowsers([bob], ROOM, ['bob']);
    });
    proxy.release();
    const released = performance.now();
    await nodes.hearAgain();
    const recoveredMs = since(released);
    show('redis, history: a long black hole of one node', { ...(await nodes.settle()), recoveredMs });
  });

  test('that breaks in the middle of messages, again and again, loses nothing that was accepted', async () => {
    const nodes = await TwoNodes.start('members');
    const { proxy } = nodes;
    for (let round = 0; round < 10; round++) {
      const torn = proxy.torn;
      proxy.tearAfter(30 + 7 * round, round % 2 === 0 ? 'up' : 'down');
      await eventually(SETTLED_MS, () => {
        expect(proxy.torn).toBeGreaterThan(torn);
      });
      await nodes.hearAgain();
    }
    show('redis, history: resets within messages', await nodes.settle());
  });
});
