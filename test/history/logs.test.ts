import { ManualClock } from '../../src/adapters/memory/manual-clock.js';
import { eventMessage } from '../../src/cluster/redis/bus-message.js';
import { RedisKeys } from '../../src/cluster/redis/connection/redis-keys.js';
import { RedisLink } from '../../src/cluster/redis/connection/redis-link.js';
import { RedisLog } from '../../src/cluster/redis/history/redis-log.js';
import { socketConfig } from '../../src/config/socket-config.js';
import { MemoryLog } from '../../src/history/memory-log.js';
import { systemClock } from '../../src/ports/clock.js';
import type { HistoryStatistics, HistoryStore, KeptEvent, Position } from '../../src/ports/history.js';
import { redisAddress } from '../../src/settings/redis-address.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { until } from '../support/redis-until.js';
import { onTeardown } from '../support/teardown.js';

/** One kind of log, with the same calls. */
interface Logs {
  readonly store: HistoryStore & { readonly statistics: HistoryStatistics };
  append(channel: string, event: string, key?: string): Promise<{ position: Position; isRepeated: boolean }>;
  /** Waits until what was appended before is older than so many seconds. */
  age(seconds: number): Promise<void>;
  /** Loses everything. */
  lose(): Promise<void>;
}

type Settings = Record<string, string>;

function configOf(settings: Settings) {
  return socketConfig({ SOCKET_PROVIDER: 'ws', SOCKET_HISTORY: 'room.{id}', ...settings });
}

async function inMemory(settings: Settings): Promise<Logs> {
  const clock = new ManualClock();
  let log = new MemoryLog(configOf(settings), clock);
  return {
    get store() {
      return log;
    },
    append: async (channel, event, key) =>
      log.append(
        channel,
        { event, data: `"${event}"`, exceptSocketId: undefined },
        { key, isPublished: true },
      ),
    age: async (seconds) => {
      clock.advance(seconds * 1_000);
    },
    lose: async () => {
      log = new MemoryLog(configOf(settings), clock);
    },
  };
}

async function inRedis(settings: Settings): Promise<Logs & { readonly redis: RedisServer }> {
  const redis = await startRedis();
  const address = redisAddress(redis.url);
  if (address === undefined) throw new Error('no address');
  const silent = { log: () => undefined, warn: () => undefined, error: () => undefined };
  const link = new RedisLink(address, systemClock, silent, {
    message: () => undefined,
    up: () => undefined,
    changed: () => undefined,
    down: () => undefined,
  });
  onTeardown(() => {
    link.close();
  });
  link.open();
  const log = new RedisLog({
    link,
    keys: new RedisKeys('switchboard'),
    clock: systemClock,
    config: configOf(settings),
  });
  return {
    redis,
    store: log,
    append: (channel, event, key) =>
      log.append(channel, eventMessage('node', { event, data: `"${event}"`, exceptSocketId: undefined }), {
        key,
        isPublished: true,
      }),
    age: async (seconds) => {
      const from = Date.now();
      await until(`${seconds} s are over`, async () => Date.now() - from > seconds * 1_000 + 20);
    },
    lose: async () => {
      await redis.client().flushall();
    },
  };
}

function names(events: readonly KeptEvent[]): string[] {
  return events.map(({ event }) => event);
}

async function append(logs: Logs, channel: string, ...events: string[]): Promise<Position[]> {
  const positions = [];
  for (const event of events) positions.push((await logs.append(channel, event)).position);
  return positions;
}

describe.each([
  ['in memory', inMemory],
  ['in Redis', inRedis],
])('A log %s', (_, start) => {
  test('gives every event the next position, beginning with the live one before', async () => {
    const logs = await start({});
    const head = await logs.store.head('room.1');
    const positions = await append(logs, 'room.1', 'a', 'b', 'c');
    expect(positions).toEqual([1, 2, 3].map((add) => ({ epoch: head.epoch, offset: head.offset + add })));
    expect(await logs.store.head('room.1')).toEqual(positions[2]);
  });

  test('has other positions for another channel', async () => {
    const logs = await start({});
    const [one] = await append(logs, 'room.1', 'a');
    await append(logs, 'room.2', 'b', 'c');
    const other = await logs.store.since('room.2', one ?? { epoch: '', offset: 0 }, 0);
    expect(other.gap).toBe('restarted');
  });

  test('has an epoch of its own for each channel, also where many begin in one turn', async () => {
    const logs = await start({});
    const rooms = Array.from({ length: 100 }, (_, n) => `room.${n}`);
    const appended = rooms.slice(0, 90).map((room) => logs.append(room, 'a'));
    const asked = rooms.slice(90).map((room) => logs.store.head(room));
    const positions = [...(await Promise.all(appended)).map(({ position }) => position)];
    positions.push(...(await Promise.all(asked)));
    expect(new Set(positions.map(({ epoch }) => epoch)).size).toBe(100);
  });

  test('tells what came after a position, page after page', async () => {
    const logs = await start({});
    const head = await logs.store.head('room.1');
    await append(logs, 'room.1', 'a', 'b', 'c');
    const first = await logs.store.since('room.1', head, 2);
    expect(first).toMatchObject({ isComplete: false, position: { offset: 2 } });
    const second = await logs.store.since('room.1', first.position, 2);
    expect(second).toMatchObject({ isComplete: true, position: { offset: 3 } });
    const events = [first, second].flatMap((page) => (page.gap === undefined ? page.events : []));
    expect(names(events)).toEqual(['a', 'b', 'c']);
    expect(events.map(({ data }) => data)).toEqual(['"a"', '"b"', '"c"']);
    expect(await logs.store.since('room.1', second.position, 2)).toMatchObject({
      events: [],
      isComplete: true,
      position: second.position,
    });
  });

  test('does not know a position from the future, nor one of a log that was lost', async () => {
    const logs = await start({});
    const [known] = await append(logs, 'room.1', 'a');
    const { epoch = '' } = known ?? {};
    const future = await logs.store.since('room.1', { epoch, offset: 2 }, 0);
    expect(future).toMatchObject({ gap: 'restarted', position: known });
    await logs.lose();
    await append(logs, 'room.1', 'b');
    expect(await logs.store.since('room.1', { epoch, offset: 1 }, 0)).toMatchObject({ gap: 'restarted' });
  });

  test('drops the oldest events over its bound, counts them, and says so to those who miss them', async () => {
    const logs = await start({ SOCKET_HISTORY_EVENTS: '2' });
    const head = await logs.store.head('room.1');
    const [first] = await append(logs, 'room.1', 'a', 'b', 'c');
    expect(await logs.store.since('room.1', head, 0)).toMatchObject({
      gap: 'trimmed',
      position: { offset: 3 },
    });
    const after = await logs.store.since('room.1', first ?? head, 0);
    expect(after.gap === undefined && names(after.events)).toEqual(['b', 'c']);
    expect(logs.store.statistics.dropped).toBe(1);
  });

  test('drops the oldest events over its bound of bytes, also one that is larger than all of it', async () => {
    const logs = await start({ SOCKET_HISTORY_BYTES: '1000' });
    const [first] = await append(logs, 'room.1', 'a', 'b'.repeat(300), 'c'.repeat(300));
    const after = await logs.store.since('room.1', first ?? { epoch: '', offset: 0 }, 0);
    expect(after.gap).toBe('trimmed');
    const [, last] = await append(logs, 'room.1', 'd', 'e'.repeat(199).repeat(6));
    expect(await logs.store.latest('room.1', undefined, 0)).toEqual([]);
    expect(await logs.store.since('room.1', last ?? { epoch: '', offset: 0 }, 0)).toMatchObject({
      events: [],
    });
  });

  test('forgets what is too old, and keeps its positions', async () => {
    const logs = await start({ SOCKET_HISTORY_S: '1' });
    const head = await logs.store.head('room.1');
    const [first] = await append(logs, 'room.1', 'a');
    await logs.age(1);
    expect(await logs.store.since('room.1', head, 0)).toEqual({ gap: 'trimmed', position: first });
    expect(await logs.store.since('room.1', first ?? head, 0)).toMatchObject({
      events: [],
      isComplete: true,
    });
    const [second] = await append(logs, 'room.1', 'b');
    expect(second).toEqual({ epoch: head.epoch, offset: 2 });
    expect(logs.store.statistics.dropped).toBe(0);
  });

  test('keeps an event with the same key once, in its first place', async () => {
    const logs = await start({});
    const first = await logs.append('room.1', 'a', 'order 7');
    await logs.append('room.1', 'b');
    const again = await logs.append('room.1', 'a', 'order 7');
    expect(again).toMatchObject({ isRepeated: true, position: first.position });
    expect(await logs.append('room.2', 'a', 'order 7')).toMatchObject({ isRepeated: false });
    expect(names(await logs.store.latest('room.1', undefined, 0))).toEqual(['a', 'b']);
  });

  test('forgets a key when its window is over', async () => {
    const logs = await start({ SOCKET_IDEMPOTENCY_S: '1' });
    await logs.append('room.1', 'a', 'order 7');
    await logs.age(1);
    expect(await logs.append('room.1', 'a', 'order 7')).toMatchObject({ isRepeated: false });
  });

  test('tells the last events before a position, the oldest first', async () => {
    const logs = await start({});
    const [, , third] = await append(logs, 'room.1', 'a', 'b', 'c', 'd');
    expect(names(await logs.store.latest('room.1', undefined, 2))).toEqual(['c', 'd']);
    expect(names(await logs.store.latest('room.1', third, 1))).toEqual(['b']);
    expect(names(await logs.store.latest('room.1', third, 0))).toEqual(['a', 'b']);
    expect(await logs.store.latest('room.2', third, 5)).toEqual([]);
  });

  test('keeps no more than its bound of all channels together, and drops whole beginnings', async () => {
    const logs = await start({ SOCKET_HISTORY_TOTAL_BYTES: '3000' });
    const head = await logs.store.head('room.0');
    for (let room = 0; room < 20; room++) await append(logs, `room.${room}`, 'a'.repeat(200));
    expect(logs.store.statistics.bytes).toBeLessThanOrEqual(3_000);
    const { gap } = await logs.store.since('room.0', head, 0);
    const last = await logs.store.since('room.19', head, 0);
    // In memory the newest channels win, in Redis the first ones: nobody there knows all of it.
    expect([gap, last.gap].filter((found) => found !== undefined)).not.toEqual([]);
  });

  test('gives the events of one turn their positions in the order of the calls, whatever they are', async () => {
    const logs = await start({ SOCKET_HISTORY_EVENTS: '0', SOCKET_HISTORY_BYTES: '0' });
    const calls = Array.from({ length: 200 }, (_, n) => ({
      channel: `room.${n % 3}`,
      event: `${n} ${'x'.repeat(n === 60 ? 400_000 : n)}`,
      key: n % 7 < 2 ? `key ${n % 11}` : undefined,
    }));
    const appended = await Promise.all(
      calls.map(({ channel, event, key }) => logs.append(channel, event, key)),
    );
    const kept = calls.map((call, index) => ({ ...call, ...appended[index] }));
    for (const channel of ['room.0', 'room.1', 'room.2']) {
      const mine = kept.filter((call) => call.channel === channel);
      const firsts = mine.filter(
        ({ key }, index) => key === undefined || mine.findIndex((other) => other.key === key) === index,
      );
      expect(mine.filter(({ isRepeated }) => isRepeated !== true)).toEqual(firsts);
      expect(firsts.map(({ position }) => position?.offset)).toEqual(firsts.map((_, index) => index + 1));
      expect(names(await logs.store.latest(channel, undefined, 0))).toEqual(firsts.map(({ event }) => event));
    }
  });

  test('claims a key of a recipient once within the window, until it is given back', async () => {
    const { store } = await start({});
    expect(await store.claim('private-a', 'key')).toBe(true);
    expect(await store.claim('private-a', 'key')).toBe(false);
    expect(await store.claim('private-b', 'key')).toBe(true);
    await store.release('private-a', 'key');
    expect(await store.claim('private-a', 'key')).toBe(true);
  });
});

describe('The events of one turn in Redis', () => {
  test('fail alone where one of them is refused', async () => {
    const logs = await inRedis({});
    await logs.redis.client().set('switchboard:{room.broken}:head', 'no hash');
    const rooms = ['room.1', 'room.broken', 'room.2'];
    const outcomes = await Promise.allSettled(rooms.map((room) => logs.append(room, 'a')));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const [, refused] = outcomes;
    expect(refused?.status === 'rejected' && String(refused.reason)).toMatch(/Redis failed: .*WRONGTYPE/);
    expect(names(await logs.store.latest('room.2', undefined, 0))).toEqual(['a']);
  });

  test('go to Redis in few commands, before what the process sends after them', async () => {
    const logs = await inRedis({});
    await append(logs, 'room.1', 'first');
    const client = logs.redis.client();
    await client.config('RESETSTAT');
    const appended = Array.from({ length: 128 }, (_, n) => logs.append(`room.${n}`, 'a'));
    const heads = [0, 1, 127].map((n) => logs.store.head(`room.${n}`));
    expect((await Promise.all(heads)).map(({ offset }) => offset)).toEqual([1, 2, 1]);
    await Promise.all(appended);
    const [, scripts] = /cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats')) ?? [];
    expect(Number(scripts)).toBe(2 + heads.length);
  });

  test('are refused with the reason where Redis takes none of them', async () => {
    const logs = await inRedis({});
    await append(logs, 'room.1', 'a');
    await logs.redis.client().config('SET', 'maxmemory', '1');
    const outcomes = await Promise.allSettled(['room.1', 'room.2'].map((room) => logs.append(room, 'b')));
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && String(outcome.reason))).toEqual(
      Array<unknown>(2).fill(expect.stringMatching(/Redis failed: .*OOM/)),
    );
    await logs.redis.client().config('SET', 'maxmemory', '0');
    expect((await logs.append('room.1', 'c')).position.offset).toBe(2);
  });
});

describe('A log in memory', () => {
  test('forgets the logs that strangers have only asked about first', async () => {
    const logs = await inMemory({ SOCKET_HISTORY_TOTAL_BYTES: '5000' });
    await append(logs, 'room.real', 'a');
    for (let room = 0; room < 100; room++) await logs.store.head(`room.${room}`);
    expect(names(await logs.store.latest('room.real', undefined, 0))).toEqual(['a']);
    expect(logs.store.statistics.bytes).toBeLessThanOrEqual(5_000);
  });
});

test('A log in memory without events is remembered while its channel has subscribers', async () => {
  const clock = new ManualClock();
  const log = new MemoryLog(configOf({}), clock);
  log.holdWhile((channel) => channel === 'room.held');
  const [held, left] = [log.headOf('room.held'), log.headOf('room.left')];
  clock.advance(2 * 60 * 60 * 1_000);
  expect(log.headOf('room.held')).toEqual(held);
  expect(log.headOf('room.left')).not.toEqual(left);
});
