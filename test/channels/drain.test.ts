import { ManualClock } from '../../src/adapters/memory/manual-clock.js';
import { Drain } from '../../src/channels/drain.js';
import type { Session } from '../../src/channels/session.js';
import { EngineSession } from '../support/engine-session.js';

/** Lets whoever waits for a promise go on. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** So many clients of an engine that sends them away over so many milliseconds. */
async function crowd(count: number, drainMs: number, hasSuccessor = true) {
  const session = new EngineSession({ drainMs, presenceGraceMs: 3_000 }, hasSuccessor);
  const clients = Array.from({ length: count }, () => session.connects());
  const gone = () => clients.filter(({ closes }) => closes.length > 0);
  /** Moves the clock to the drain's end, and says how many were gone at each tenth of a second. */
  const watch = async () => {
    const counts = [gone().length];
    for (let ms = 0; ms < drainMs; ms += 100) {
      session.clock.advance(100);
      await turn();
      counts.push(gone().length);
    }
    return counts;
  };
  await session.engine.retire();
  return { session, engine: session.engine, clock: session.clock, clients, gone, watch };
}

describe('Clients of an engine that drains', () => {
  test('to another node are sent away with 4200, in slices of the same size over the window', async () => {
    const { engine, clients, watch } = await crowd(100, 1_000);
    const drained = engine.drain();
    expect(await watch()).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 100]);
    await drained;
    expect(clients.map(({ closes }) => closes)).toEqual(clients.map(() => [4200]));
    expect(engine.connections).toBe(0);
  });

  test('are gone before the window is over when there are few of them', async () => {
    const { engine, watch } = await crowd(25, 60_000);
    const drained = engine.drain();
    expect((await watch()).slice(0, 4)).toEqual([9, 18, 25, 25]);
    await drained;
  });

  test('go in larger slices when there are more of them, and not later', async () => {
    const { engine, watch } = await crowd(1_000, 500);
    const drained = engine.drain();
    expect(await watch()).toEqual([200, 400, 600, 800, 1_000, 1_000]);
    await drained;
  });

  test.each([
    [10, 60_000],
    [500, 0],
    [500, 99],
    [1, 5_000],
  ])('go all at once, within the call, when they are %d and the window has %d ms', async (count, ms) => {
    const { engine, gone } = await crowd(count, ms);
    const drained = engine.drain();
    expect(gone()).toHaveLength(count);
    await drained;
  });

  test('do not go in the order in which they came', async () => {
    const { engine, clients, gone, watch } = await crowd(200, 2_000);
    const drained = engine.drain();
    expect(gone()).toHaveLength(10);
    // One in 10 to the 16th of all orders begins like this.
    expect(gone()).not.toEqual(clients.slice(0, 10));
    await watch();
    await drained;
  });

  test('are served until their turn comes', async () => {
    const { engine, session, clients, gone, watch } = await crowd(20, 1_000);
    const drained = engine.drain();
    expect(gone()).toHaveLength(10);
    for (const client of clients) {
      client.hears();
      client.subscribes('news');
    }
    void engine.publish('news', 'HEADLINE', '{"n":1}');
    for (const client of clients) {
      const heard = client.hears().map(({ event }) => event);
      const isGone = client.closes.length > 0;
      expect(heard).toEqual(isGone ? [] : ['pusher_internal:subscription_succeeded', 'HEADLINE']);
    }
    await watch();
    await drained;
    expect(session.errors).toEqual([]);
  });

  test('that have all left by themselves are not waited for', async () => {
    const { engine, clock, clients } = await crowd(100, 60_000);
    const drained = engine.drain();
    for (const client of clients) client.isLost();
    clock.advance(100);
    await drained;
    expect(clients.flatMap(({ closes }) => closes)).toHaveLength(10);
  });

  test('are sent away once, however often that is asked for', async () => {
    const { engine, clients, watch } = await crowd(100, 1_000);
    const both = [engine.drain(), engine.drain()];
    await watch();
    await Promise.all(both);
    await engine.drain();
    await engine.close();
    expect(clients.flatMap(({ closes }) => closes)).toHaveLength(100);
  });

  test('are all ended by a close in the middle of it', async () => {
    const { engine, gone } = await crowd(100, 1_000);
    void engine.drain();
    await engine.close();
    expect(gone()).toHaveLength(100);
  });
});

describe('Clients of the only node', () => {
  test('are sent away with 4100 all at once, however many they are: nobody may come back too early', async () => {
    const { engine, clients, gone } = await crowd(500, 60_000, false);
    const drained = engine.drain();
    expect(gone()).toHaveLength(500);
    await drained;
    expect(new Set(clients.flatMap(({ closes }) => closes))).toEqual(new Set([4100]));
  });
});

describe('A drain in a cluster', () => {
  function drain(caughtUp: () => Promise<void>) {
    const clock = new ManualClock();
    const sessions = new Set<Session>([{ isClosed: false } as Session]);
    const left: Session[] = [];
    const running = new Drain(clock, { drainMs: 1_000 }, sessions, { caughtUp }, (session) => {
      left.push(session);
    }).run(true);
    return { clock, left, running };
  }

  test('sends nobody away before what was sent to this node until then has arrived', async () => {
    let arrived = (): void => undefined;
    const { left, running } = drain(() => new Promise((resolve) => (arrived = resolve)));
    await turn();
    expect(left).toEqual([]);
    arrived();
    await running;
    expect(left).toHaveLength(1);
  });

  test('does not wait where the others cannot be heard', async () => {
    const { left, running } = drain(() => Promise.reject(new Error('Redis is away')));
    await running;
    expect(left).toHaveLength(1);
  });

  test('waits a second longer than its window at most', async () => {
    const { clock, left, running } = drain(() => new Promise(() => undefined));
    clock.advance(1_999);
    await turn();
    expect(left).toEqual([]);
    clock.advance(1);
    await running;
    expect(left).toHaveLength(1);
  });
});
