import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { jest } from '@jest/globals';
import { WebSocket } from 'ws';
import type { ChannelEngine } from '../../src/channels/channel-engine.js';
import type { Connection } from '../../src/channels/connection.js';
import { userChannel } from '../../src/protocol/channel-name.js';
import { APP, EngineSession } from '../support/engine-session.js';
import { Host } from '../support/host.js';
import { engineOf } from '../support/runtime-parts.js';
import { channelAuth, userAuth } from '../support/signing.js';
import { onTeardown } from '../support/teardown.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes of the heap that are in use by anything that somebody still has a hold of. */
function heapBytes(): number {
  for (let i = 0; i < 3; i++) collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** 20 bytes for each of 100,000, less than the smallest object; Jest and Node take about half of it meanwhile. */
const HEAP_NOISE_BYTES = 2_000_000;

const LIMITLESS = { channelsPerConnection: 0, subscribesPerSecond: 0 };

/** A connection that forgets what it is told: the heap is to show the engine's memory, not the test's. */
class Visitor implements Connection {
  readonly #session;

  constructor(
    private readonly engine: ChannelEngine,
    readonly id: string,
  ) {
    this.#session = engine.open(this);
  }

  send(): void {
    // Nobody reads it.
  }

  close(): void {
    // The engine has let go of it already.
  }

  says(event: string, data: object): void {
    this.engine.receive(this.#session, JSON.stringify({ event, data }));
  }

  subscribes(channel: string, channelData?: object): void {
    const auth = channel.startsWith('p') ? channelAuth(APP, this.id, channel, channelData) : { auth: '' };
    this.says('pusher:subscribe', { channel, ...auth });
  }

  isLost(): void {
    this.engine.connectionLost(this.#session);
  }
}

/** How a visitor may leave. */
type Leaving = (visitor: Visitor, names: readonly string[], engine: ChannelEngine, userId: string) => void;

const LEAVINGS: readonly Leaving[] = [
  (visitor) => {
    visitor.isLost();
  },
  (visitor, names) => {
    for (const channel of names) visitor.says('pusher:unsubscribe', { channel });
    visitor.isLost();
  },
  (visitor, _names, engine, userId) => {
    engine.terminate(userChannel(userId));
    visitor.isLost();
  },
];

/** Somebody comes, does everything that a client can, and leaves: every name and every id is new. */
function visit(engine: ChannelEngine, number: number): void {
  const userId = `user-${number}`;
  const visitor = new Visitor(engine, `${number}.1`);
  const watchlist = [`user-${number - 1}`, `nobody-${number}`];
  visitor.says('pusher:signin', userAuth(APP, visitor.id, { id: userId, watchlist }));
  const names = [`orders-${number}`, `private-orders-${number}`, `presence-room-${number}`];
  visitor.subscribes(`orders-${number}`);
  visitor.subscribes(`private-orders-${number}`);
  visitor.subscribes(`presence-room-${number}`, { user_id: userId });
  // Refused, unknown, and twice: none of it may be kept either.
  visitor.says('pusher:subscribe', { channel: `private-refused-${number}`, auth: '' });
  visitor.says('pusher:unsubscribe', { channel: `unknown-${number}` });
  visitor.subscribes(`orders-${number}`);
  LEAVINGS[number % LEAVINGS.length]?.(visitor, names, engine, userId);
}

describe('Connections that come, subscribe and leave (3.17)', () => {
  test.each([
    [100_000, 0],
    [25_000, 3_000],
  ])(
    '%d times, leave no channel, no member and no memory, with a grace period of %d ms',
    async (times, presenceGraceMs) => {
      const session = new EngineSession({ presenceGraceMs, subscriptionCount: true });
      const { engine, clock } = session;
      const visitTo = (from: number, to: number) => {
        for (let number = from; number < to; number++) {
          visit(engine, number);
          // Now and then time passes, so that what waits for it goes.
          if (number % 25 === 0) clock.advance(presenceGraceMs + 1_000);
        }
        clock.advance(60_000);
      };
      visitTo(0, 5_000);
      expect([engine.connections, engine.channels]).toEqual([0, 0]);
      const before = heapBytes();
      visitTo(5_000, 5_000 + times);
      expect([engine.connections, engine.channels]).toEqual([0, 0]);
      expect(await engine.occupiedChannels()).toEqual([]);
      expect(heapBytes() - before).toBeLessThan(HEAP_NOISE_BYTES);
      expect(session.errors).toEqual([]);
      const after = jest.spyOn(clock, 'after');
      clock.advance(600_000);
      expect(after).not.toHaveBeenCalled();
    },
    120_000,
  );

  test('leave those who stay as they were', () => {
    const session = new EngineSession({ presenceGraceMs: 0 });
    const stays = session.signsIn('stays', { watchlist: ['user-7'] });
    stays.subscribes('orders');
    stays.hears();
    const channels = session.engine.channels;
    for (let number = 0; number < 10_000; number++) visit(session.engine, number);
    expect([session.engine.connections, session.engine.channels]).toEqual([1, channels]);
    // Of all that went on, it was told of the one whom it watches.
    expect(stays.hears().map(({ data }) => data)).toEqual([
      { events: [{ name: 'online', user_ids: ['user-7'] }] },
      { events: [{ name: 'offline', user_ids: ['user-7'] }] },
    ]);
    void session.engine.publish('orders', 'created', '1');
    expect(stays.hears()).toHaveLength(1);
  });
});

describe('One connection that subscribes and unsubscribes 100,000 times (3.3)', () => {
  test.each(['orders-', 'cache-', 'private-encrypted-cache-', 'presence-cache-'])(
    'to channels %s… that are all new keeps no channel and no memory, and is still served',
    async (prefix) => {
      const session = new EngineSession({ limits: LIMITLESS, subscriptionCount: true });
      const { engine } = session;
      const visitor = new Visitor(engine, '1.1');
      const member = prefix.startsWith('presence-') ? { user_id: 'ann' } : undefined;
      const move = (from: number, to: number) => {
        for (let number = from; number < to; number++) {
          visitor.subscribes(`${prefix}${number}`, member);
          visitor.says('pusher:unsubscribe', { channel: `${prefix}${number}` });
        }
      };
      move(0, 5_000);
      const before = heapBytes();
      move(5_000, 105_000);
      expect([engine.connections, engine.channels]).toEqual([1, 0]);
      expect(heapBytes() - before).toBeLessThan(HEAP_NOISE_BYTES);
      visitor.subscribes('orders');
      expect((await engine.channelInfo('orders')).subscriptionCount).toBe(1);
    },
    60_000,
  );
});

describe('100,000 events to cache channels, each of its own (3.9)', () => {
  test('are forgotten after 30 minutes, and so is their memory', async () => {
    const { engine, clock } = new EngineSession();
    const publish = (from: number, to: number) => {
      for (let number = from; number < to; number++)
        void engine.publish(`cache-${number}`, 'created', `"${number}"`);
    };
    publish(0, 5_000);
    clock.advance(32 * 60_000);
    const before = heapBytes();
    publish(5_000, 105_000);
    expect((await engine.channelInfo('cache-104999')).cached?.data).toBe('"104999"');
    clock.advance(32 * 60_000);
    expect((await engine.channelInfo('cache-104999')).cached).toBeUndefined();
    expect(heapBytes() - before).toBeLessThan(HEAP_NOISE_BYTES);
    expect(engine.channels).toBe(0);
  }, 60_000);
});

describe('3,000 real connections that come, subscribe and leave (3.17)', () => {
  const BATCH = 50;

  test('leave no connection, no channel, no counted place and no memory', async () => {
    // There is room for one batch and not for one connection more: a place that was not given back would be a 503.
    const limits = { connections: BATCH, connectionsPerAddress: BATCH };
    const host = await Host.start({ gateway: { presenceGraceMs: 0, subscriptionCount: true, limits } });
    const engine = engineOf(host.runtime);
    const sockets = new Set<WebSocket>();
    onTeardown(() => {
      for (const socket of sockets) socket.terminate();
    });
    const batches = async (from: number, to: number) => {
      for (let batch = from; batch < to; batch++) {
        await Promise.all(
          Array.from({ length: BATCH }, (_, index) => visitOverNetwork(host, batch * BATCH + index, sockets)),
        );
        // The server's end closes a moment after the client's.
        while (engine.connections > 0) await nextTurn();
      }
    };
    await batches(0, 10);
    const before = heapBytes();
    await batches(10, 60);
    expect(engine.channels).toBe(0);
    expect(heapBytes() - before).toBeLessThan(HEAP_NOISE_BYTES);
    const open = await new Promise((resolve) => {
      host.server.getConnections((_error, count) => {
        resolve(count);
      });
    });
    expect(open).toBe(0);
  }, 60_000);
});

/** The same over a socket; it ends in one of the ways in which sockets end. */
async function visitOverNetwork(host: Host, number: number, sockets: Set<WebSocket>): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${host.port}/app/${host.app.key}?protocol=7`);
  sockets.add(socket);
  const closed = once(socket, 'close');
  const say = (event: string, data: object) => {
    socket.send(JSON.stringify({ event, data }));
  };
  const [greeting] = (await once(socket, 'message')) as [Buffer];
  const { data } = JSON.parse(greeting.toString()) as { data: string };
  const { socket_id: socketId } = JSON.parse(data) as { socket_id: string };
  say('pusher:signin', userAuth(host.app, socketId, { id: `user-${number}` }));
  say('pusher:subscribe', { channel: `orders-${number}`, auth: '' });
  for (const [channel, member] of [
    [`private-orders-${number}`, undefined],
    [`presence-room-${number}`, { user_id: `user-${number}` }],
  ] as const) {
    say('pusher:subscribe', { channel, ...channelAuth(host.app, socketId, channel, member) });
  }
  const pong = once(socket, 'pong');
  socket.ping();
  await pong;
  const members = await engineOf(host.runtime).members(`presence-room-${number}`);
  expect(members.map(({ id }) => id)).toEqual([`user-${number}`]);
  if (number % 3 === 0) socket.close(1000);
  else if (number % 3 === 1) socket.terminate();
  else await host.runtime.client.disconnectMember(`user-${number}`);
  await closed;
  sockets.delete(socket);
}
