import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
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
  numbers,
  publish,
  slowReaders,
  start,
  TEXT,
  UNLIMITED,
} from './wire.js';

describe('The bound on what waits for a client', () => {
  test('is not met by a burst below it to a client that reads', async () => {
    const { host } = await start();
    const wires = await audience(host, 3, 'news');
    await Promise.all(numbers(95).map((number) => publish(host, 'news', [number, 'x'.repeat(10_000)])));
    for (const wire of wires) {
      await wire.until('all', () => wire.of(TEXT).length === 97);
      expect(wire.events().map((data) => (data as [number])[0])).toEqual(numbers(95));
    }
    expect(slowReaders(host)).toBe(0);
  });

  test('is not met by many small frames of one turn, small as it may be', async () => {
    const { host } = await start({ gateway: { limits: { bufferedBytes: 16_384 } } });
    const wires = await audience(host, 3, 'news');
    await Promise.all(numbers(1_000).map((number) => publish(host, 'news', number)));
    for (const wire of wires) {
      await wire.until('all', () => wire.of(TEXT).length === 1_002);
      expect(wire.events()).toEqual(numbers(1_000));
    }
    expect(slowReaders(host)).toBe(0);
  });

  test('may be switched off', async () => {
    const { host } = await start({ maxEventBytes: 0, gateway: { limits: { bufferedBytes: 0 } } });
    const wires = await audience(host, 2, 'news');
    await Promise.all(numbers(120).map((number) => publish(host, 'news', [number, 'x'.repeat(100_000)])));
    for (const wire of wires) {
      await wire.until('all', () => wire.of(TEXT).length === 122);
      expect(wire.events().map((data) => (data as [number])[0])).toEqual(numbers(120));
    }
  });

  test('is exceeded by an event that alone is over it, with 4100 and nothing behind it', async () => {
    const { host } = await start({ maxEventBytes: 0, gateway: { limits: { bufferedBytes: 50_000 } } });
    const wires = await audience(host, 2, 'news');
    await Promise.all([
      publish(host, 'news', 'before'),
      publish(host, 'news', 'x'.repeat(50_000)),
      publish(host, 'news', 'after'),
    ]);
    for (const wire of wires) {
      await wire.ended();
      expect(wire.events()).toEqual(['before']);
      expect(wire.code).toBe(4100);
    }
    expect(slowReaders(host)).toBe(2);
  });

  onOneNode('it is each process that counts, and a balancer has buffers of its own', () => {
    test('closes who reads too slowly with 4100, behind whole frames and once, while the others hear everything', async () => {
      const { host } = await start({ gateway: { limits: { bufferedBytes: 200_000 } } });
      const [slow, ...fast] = await audience(host, 4, 'news');
      slow?.socket.pause();
      let sent = 0;
      while (slowReaders(host) === 0) {
        for (let number = 0; number < 20; number++) void publish(host, 'news', [sent++, 'x'.repeat(10_000)]);
        await nextTurn();
        // Fast they are, but they have to have a turn.
        await Promise.all(fast.map((wire) => wire.until('all', () => wire.of(TEXT).length === sent + 2)));
      }
      slow?.socket.resume();
      await slow?.ended();
      const heard = slow?.events().map((data) => (data as [number])[0]) ?? [];
      expect(heard).toEqual(numbers(heard.length));
      expect(heard.length).toBeLessThan(sent);
      expect(slow?.code).toBe(4100);
      expect(slowReaders(host)).toBe(1);
      for (const wire of fast) {
        expect(wire.events().map((data) => (data as [number])[0])).toEqual(numbers(sent));
      }
      while (host.engines.connections > 3) await nextTurn();
    });

    test('that is exceeded in the middle of a turn closes the client behind everything: no frame follows the close', async () => {
      const { host } = await start({ gateway: { limits: { bufferedBytes: 200_000 } } });
      const wire = await listener(host, 'news');
      // A client that is sent so much within one turn has no chance to read.
      for (let sent = 0; slowReaders(host) === 0; sent++) {
        void publish(host, 'news', [sent, 'x'.repeat(10_000)]);
      }
      void publish(host, 'news', ['after', '']);
      await wire.ended();
      expect(wire.code).toBe(4100);
      expect(wire.frames.at(-1)?.opcode).toBe(CLOSE);
    });

    test('that is exceeded in the middle of a turn counts the client once', async () => {
      const { host, sockets } = await start({
        maxEventBytes: 0,
        gateway: { limits: { bufferedBytes: 200_000 } },
      });
      const wire = await listener(host, 'news');
      const end = endOf(sockets, wire);
      // Until as much waits as may wait, nearly.
      while (end.writableLength < 140_000) void publish(host, 'news', 'x'.repeat(60_000));
      void publish(host, 'news', 'x'.repeat(60_000));
      void publish(host, 'news', 'x'.repeat(60_000));
      void publish(host, 'news', 'x'.repeat(60_000));
      expect(slowReaders(host)).toBe(1);
      await nextTurn();
      await nextTurn();
      expect(slowReaders(host)).toBe(1);
    });

    test('counts and closes once whoever closes by itself with more waiting than may wait', async () => {
      const { host, sockets } = await start({ gateway: { limits: { bufferedBytes: 200_000 } } });
      const wire = await listener(host, 'news');
      const end = endOf(sockets, wire);
      wire.socket.pause();
      while (end.writableLength < 145_000) {
        void publish(host, 'news', 'x'.repeat(10_000));
        await nextTurn();
      }
      for (const number of numbers(6)) void publish(host, 'news', [number, 'x'.repeat(9_900)]);
      arrive(end, closing(1000));
      void publish(host, 'news', 'after');
      wire.socket.resume();
      await wire.ended();
      expect([1000, 4100]).toContain(wire.code);
      expect(slowReaders(host)).toBe(wire.code === 4100 ? 1 : 0);
      await gone([end]);
      expect(host.engines.connections).toBe(0);
    });

    test('leaves every stream whole, whatever is sent in one turn', async () => {
      const { host } = await start({
        maxEventBytes: 0,
        gateway: { limits: { ...UNLIMITED, bufferedBytes: 30_000 } },
      });
      let run = 0;
      const sizes = fc.oneof(
        { weight: 4, arbitrary: fc.integer({ min: 1, max: 2_000 }) },
        { weight: 4, arbitrary: fc.integer({ min: 2_000, max: 29_000 }) },
        { weight: 1, arbitrary: fc.integer({ min: 29_800, max: 30_100 }) },
      );
      const steps = fc.array(fc.record({ size: sizes, endsTurn: fc.boolean(), to: fc.nat(2) }), {
        maxLength: 30,
      });
      await fc.assert(
        fc.asyncProperty(steps, async (sent) => {
          const channel = `news-${run++}`;
          const wires = await audience(host, 2, channel);
          await wires[0]?.joins(`${channel}-more`);
          const before = slowReaders(host);
          const expected: number[][] = [[], []];
          for (const [number, { size: length, endsTurn, to }] of sent.entries()) {
            void publish(host, to === 0 ? `${channel}-more` : channel, [number, 'x'.repeat(length)]);
            expected[0]?.push(number);
            if (to !== 0) expected[1]?.push(number);
            if (endsTurn) await nextTurn();
          }
          await nextTurn();
          let closed = 0;
          for (const [index, wire] of wires.entries()) {
            wire.socket.write(inbound('pusher:ping'));
            await wire.until('the end', () => wire.isClosed || wire.messages.at(-1)?.event === 'pusher:pong');
            const heard = wire.events().map((data) => (data as [number])[0]);
            if (wire.code === undefined) expect(heard).toEqual(expected[index]);
            else {
              closed++;
              expect(wire.code).toBe(4100);
              expect(heard).toEqual(expected[index]?.slice(0, heard.length));
              expect(heard.length).toBeLessThan(expected[index]?.length ?? 0);
            }
            wire.socket.destroy();
          }
          expect(slowReaders(host) - before).toBe(closed);
        }),
        { numRuns: 40 },
      );
    });

    test('bounds the memory that many slow readers take: they share what they wait for', async () => {
      const { host } = await start();
      const slow = await audience(host, 40, 'news');
      for (const { socket } of slow) socket.pause();
      const { arrayBuffers: before } = process.memoryUsage();
      let most = 0;
      for (let sent = 0; slowReaders(host) < slow.length && sent < 20_000; sent++) {
        void publish(host, 'news', 'x'.repeat(10_000));
        if (sent % 5 === 0) await nextTurn();
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      }
      expect(slowReaders(host)).toBe(slow.length);
      // Each may have 1 MiB to wait for, and it is the same for all; the collector may not have seen everything yet.
      expect(most).toBeLessThan((slow.length / 2) * 1_048_576);
    });

    test('does not count the frames for a client that cannot be written to any more', async () => {
      const { host, sockets } = await start({ gateway: { limits: { bufferedBytes: 50_000 } } });
      const [wire, stays] = [await listener(host, 'news'), await listener(host, 'news')];
      endOf(sockets, wire).destroy();
      for (const number of numbers(20)) void publish(host, 'news', [number, 'x'.repeat(10_000)]);
      await stays.until('all', () => stays.of(TEXT).length === 22);
      expect(slowReaders(host)).toBe(0);
    });
  });
});
