import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { connected, plainPusher } from '../../../support/plain-pusher.js';
import { hearing, statesOf } from '../../../support/pusher-events.js';
import { reset } from '../../../support/reset.js';
import { onOneNode } from '../../../support/topology.js';
import {
  arrive,
  audience,
  CLOSE,
  closing,
  endOf,
  gone,
  inbound,
  listener,
  masked,
  numbers,
  PING,
  PONG,
  publish,
  slowReaders,
  start,
  TEXT,
  Wire,
} from './wire.js';

// Everything that one turn of the event loop sends to a socket leaves at the turn's end, in one write beneath `ws`. These tests
// look at the bytes: a coalesced frame never overtakes another, and never outlives its connection.

describe('A member who is disconnected', () => {
  test('hears what was relayed before, then pusher:error 4009, then the close', async () => {
    const { host } = await start();
    const wire = Wire.open(host);
    await wire.signsIn(host, await wire.greeted(), 'ann');
    const { client } = host.runtime;
    await Promise.all([
      ...numbers(5).map((number) => client.relayToMember('ann', 'told', number)),
      client.disconnectMember('ann'),
      client.relayToMember('ann', 'told', 'too late'),
    ]);
    await wire.ended();
    const heard = wire.messages.slice(2).map(({ event, data }) => (event === 'told' ? Number(data) : event));
    expect(heard).toEqual([0, 1, 2, 3, 4, 'pusher:error']);
    expect(wire.messages.at(-1)?.data).toMatchObject({ code: 4009 });
    expect(wire.frames.at(-1)?.opcode).toBe(CLOSE);
    expect(wire.code).toBe(4009);
  });

  test('hears it through a real pusher-js, which then stays away', async () => {
    const { host } = await start();
    const pusher = plainPusher(host, { userData: { id: 'ann' } });
    const heard = hearing(pusher.user, 'told');
    const states = statesOf(pusher);
    await connected(pusher);
    while ((await host.runtime.client.onlineMembers(['ann'])).size === 0) await nextTurn();
    void host.runtime.client.relayToMember('ann', 'told', 'last words');
    void host.runtime.client.disconnectMember('ann');
    expect(await heard.next()).toMatchObject({ data: 'last words' });
    while ((await states.next()) !== 'disconnected');
    expect(pusher.connection.state).toBe('disconnected');
  });

  onOneNode('it injects bytes into one process', () => {
    test('twice, or while closing by itself, is closed once', async () => {
      const { host, sockets } = await start();
      const [first, second] = [Wire.open(host), Wire.open(host)];
      for (const wire of [first, second]) await wire.signsIn(host, await wire.greeted(), 'ann');
      const { client } = host.runtime;
      void client.relayToMember('ann', 'told', 'one');
      arrive(endOf(sockets, first), closing(1000));
      void client.disconnectMember('ann');
      void client.disconnectMember('ann');
      arrive(endOf(sockets, second), closing(1000));
      await Promise.all([first.ended(), second.ended()]);
      expect(first.messages.slice(2).map(({ event }) => event)).toEqual(['told']);
      expect(first.code).toBe(1000);
      expect(second.messages.slice(2).map(({ event }) => event)).toEqual(['told', 'pusher:error']);
      expect(second.code).toBe(4009);
      await gone(sockets);
      expect(host.engines.connections).toBe(0);
    });
  });
});

describe('A client that closes', () => {
  test('is sent nothing behind the answer to its close, however much is being published', async () => {
    const { host } = await start();
    const wires = await audience(host, 8, 'news');
    const stays = wires.pop();
    let [sent, isOver] = [0, false];
    const over = Promise.all(
      wires.map(async (wire, index) => {
        await wire.until('some', () => wire.events().length > index * 3);
        wire.socket.write(closing(1000));
        await wire.ended();
        const heard = wire.events();
        expect(heard).toEqual(numbers(heard.length));
        expect(wire.code).toBe(1000);
      }),
    ).finally(() => (isOver = true));
    while (!isOver) {
      for (let number = 0; number < 3; number++) await publish(host, 'news', sent++);
      await nextTurn();
    }
    await over;
    await stays?.until('all', () => stays.events().length === sent);
    expect(stays?.events()).toEqual(numbers(sent));
  });

  onOneNode('it injects bytes into one process', () => {
    test.each([
      ['with a code', closing(4444), 4444],
      ['without a code', masked(CLOSE, ''), 1005],
      ['with a code nobody may send', closing(1005), 1002],
    ])(
      '%s in the middle of a turn hears what was sent before it, then the answer, and nothing more',
      async (_, bytes, code) => {
        const { host, sockets } = await start();
        const [wire, other] = [await listener(host, 'news'), await listener(host, 'news')];
        void publish(host, 'news', 'before');
        arrive(endOf(sockets, wire), bytes);
        // A frame that is broken is noticed in the next tick.
        await Promise.resolve();
        if (code !== 1002) void publish(host, 'news', 'after');
        else process.nextTick(() => void publish(host, 'news', 'after'));
        await wire.ended();
        expect(wire.events()[0]).toBe('before');
        expect(wire.code).toBe(code);
        await other.until('both', () => other.events().length === 2);
        expect(other.events()).toEqual(['before', 'after']);
      },
    );

    test('by a message that is too long hears what was sent before, then 1009', async () => {
      const { host, sockets } = await start({ gateway: { limits: { frameBytes: 200 } } });
      const wire = await listener(host, 'news');
      void publish(host, 'news', 'before');
      arrive(endOf(sockets, wire), masked(TEXT, 'x'.repeat(201)));
      await wire.ended();
      expect(wire.events()).toEqual(['before']);
      expect(wire.code).toBe(1009);
    });

    test('hears the answers to what it said just before', async () => {
      const { host, sockets } = await start();
      const wire = await listener(host, 'news');
      const talk = [
        inbound('pusher:ping'),
        inbound('pusher:subscribe', { channel: 'x' }),
        masked(PING, 'p'),
        closing(3000),
      ];
      arrive(endOf(sockets, wire), Buffer.concat([...talk, inbound('pusher:ping')]));
      await wire.ended();
      expect(wire.messages.slice(2).map(({ event }) => event)).toEqual([
        'pusher:pong',
        'pusher_internal:subscription_succeeded',
      ]);
      expect(wire.of(PONG).map(String)).toEqual(['p']);
      expect(wire.code).toBe(3000);
    });

    test('without a close frame is written to no more, and harms nobody', async () => {
      const { host, sockets } = await start();
      const [wire, other] = [await listener(host, 'news'), await listener(host, 'news')];
      const end = endOf(sockets, wire);
      end.prependOnceListener('end', () => {
        void publish(host, 'news', 'before');
      });
      wire.socket.end();
      await wire.ended();
      await other.until('it', () => other.events().length === 1);
      await gone([end]);
      expect(host.engines.connections).toBe(1);
    });

    test('without a close frame does not lose what waits for it when somebody publishes meanwhile', async () => {
      const { host, sockets } = await start({ gateway: { limits: { bufferedBytes: 0 } } });
      const [wire, other] = [await listener(host, 'news'), await listener(host, 'news')];
      const end = endOf(sockets, wire);
      wire.socket.pause();
      let sent = 0;
      while (end.writableLength === 0) {
        await publish(host, 'news', [sent++, 'x'.repeat(10_000)]);
        await nextTurn();
      }
      wire.socket.end();
      if (!end.readableEnded) await once(end, 'end');
      const errors = jest.fn();
      end.on('error', errors);
      await publish(host, 'news', [sent, 'too late']);
      wire.socket.resume();
      await wire.ended();
      await other.until('all', () => other.of(TEXT).length === 2 + sent + 1);
      expect(wire.events().map((data) => (data as [number])[0])).toEqual(numbers(sent));
      expect(errors).not.toHaveBeenCalled();
    });

    test('without a word, by a reset, harms nobody, and leaves nothing behind', async () => {
      const { host, sockets } = await start();
      const wires = await audience(host, 6, 'news');
      const stays = wires.pop();
      for (const [index, wire] of wires.entries()) {
        void publish(host, 'news', index);
        reset(wire.socket);
        void publish(host, 'news', -index);
      }
      for (const number of numbers(50)) {
        void publish(host, 'news', number);
        await nextTurn();
      }
      await gone(sockets.filter(({ remotePort }) => remotePort !== stays?.socket.localPort));
      expect(host.engines.connections).toBe(1);
      await stays?.until('all', () => stays.events().length === 60);
      expect(slowReaders(host)).toBe(0);
    });

    test('and is cut off by the server with frames pending leaves nothing behind either', async () => {
      const { host, sockets } = await start();
      const [wire, stays] = [await listener(host, 'news'), await listener(host, 'news')];
      void publish(host, 'news', 1);
      endOf(sockets, wire).destroy();
      void publish(host, 'news', 2);
      await wire.ended();
      await stays.until('both', () => stays.events().length === 2);
      await publish(host, 'news', 3);
      await stays.until('the third', () => stays.events().length === 3);
      expect(host.engines.connections).toBe(1);
    });
  });
});

onOneNode('the nodes go at once, and what one has sent need not have reached the other', () => {
  describe('A server that goes away', () => {
    test('sends all pending frames, and then 4100', async () => {
      const { host } = await start();
      const wires = await audience(host, 5, 'news');
      const sending = numbers(10).map((number) => publish(host, 'news', number));
      await Promise.all([...sending, host.close()]);
      for (const wire of wires) {
        await wire.ended();
        expect(wire.events()).toEqual(numbers(10));
        expect(wire.code).toBe(4100);
      }
    });

    test('sends them even when it goes within the turn that queued them', async () => {
      const { host, sockets } = await start();
      const wires = await audience(host, 5, 'news');
      const writes = sockets.map((socket) => jest.spyOn(socket, 'write'));
      for (const number of numbers(10)) void publish(host, 'news', number);
      const closed = host.runtime.client.close();
      await publish(host, 'news', 'too late');
      expect(writes.every(({ mock }) => mock.calls.length > 0)).toBe(true);
      await closed;
      await expect(publish(host, 'news', 'much too late')).rejects.toThrow('It is closed');
      for (const wire of wires) {
        await wire.ended();
        expect(wire.events()).toEqual(numbers(10));
        expect(wire.code).toBe(4100);
      }
      await gone(sockets);
    });

    test('does not wait for who does not read', async () => {
      const { host, sockets } = await start({ gateway: { limits: { bufferedBytes: 0 } } });
      const wire = await listener(host, 'news');
      wire.socket.pause();
      const end = endOf(sockets, wire);
      while (end.writableLength < 1_000_000) void publish(host, 'news', 'x'.repeat(10_000));
      void publish(host, 'news', 'last');
      await host.close();
      await gone(sockets);
    });
  });
});
