import { setImmediate as nextTurn } from 'node:timers/promises';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import { connected, plainPusher } from '../../../support/plain-pusher.js';
import { type Pusher, subscribed } from '../../../support/pusher-browser.js';
import { hearing } from '../../../support/pusher-events.js';
import { channelAuth } from '../../../support/signing.js';
import { onOneNode } from '../../../support/topology.js';
import { Model, modelStep } from './model.js';
import {
  arrive,
  audience,
  endOf,
  inbound,
  listener,
  masked,
  numbers,
  PING,
  PONG,
  publish,
  start,
  TEXT,
  UNLIMITED,
  Wire,
} from './wire.js';

// Everything that one turn of the event loop sends to a socket leaves at the turn's end, in one write beneath `ws`. These tests
// look at the bytes: a coalesced frame never overtakes another, and never outlives its connection.

describe('The events of one turn', () => {
  test('arrive at everybody, in their order, each once', async () => {
    const { host } = await start();
    const wires = await audience(host, 60, 'news');
    await Promise.all(numbers(200).map((number) => publish(host, 'news', number)));
    for (const wire of wires) {
      await wire.until('the last', () => wire.of(TEXT).length >= 202);
      expect(wire.events()).toEqual(numbers(200));
    }
  });

  test('arrive in their order whichever channels they are of, and whomever they leave out', async () => {
    const { host } = await start({ maxEventBytes: 0, gateway: { limits: UNLIMITED } });
    const channels = ['a', 'private-b', 'presence-c'];
    let run = 0;
    const step = fc.record({
      to: fc.nat(3),
      except: fc.nat(9),
      size: fc.constantFrom(1, 1, 1, 100, 120, 3_000),
      endsTurn: fc.nat(9).map((number) => number === 0),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.subarray([0, 1, 2]), { minLength: 2, maxLength: 5 }),
        fc.array(step, { maxLength: 80 }),
        async (subsets, steps) => {
          const suffix = `-${run++}`;
          const members = await Promise.all(
            subsets.map(async (subset, index) => {
              const wire = Wire.open(host);
              const id = await wire.greeted();
              const member = `member-${index % 3}${suffix}`;
              await wire.signsIn(host, id, member);
              for (const channel of subset) {
                const name = `${channels[channel] ?? ''}${suffix}`;
                const data = name.startsWith('presence-') ? { user_id: member } : undefined;
                await wire.joins(
                  name,
                  name.includes('-c') || channel > 0 ? channelAuth(host.app, id, name, data) : {},
                );
              }
              await wire.joins(`end${suffix}`);
              return { wire, id, member, subset, expected: [] as string[] };
            }),
          );
          const sending: Promise<void>[] = [];
          for (const [number, { to, except, size, endsTurn }] of steps.entries()) {
            const text = `${number} ${'ü'.repeat(size)}`;
            const exceptSocketId = members[except]?.id;
            const options = exceptSocketId === undefined ? {} : { exceptSocketId };
            if (to < 3) {
              sending.push(publish(host, `${channels[to] ?? ''}${suffix}`, text, exceptSocketId));
            } else {
              const both = [`member-0${suffix}`, `member-1${suffix}`];
              sending.push(host.runtime.client.relayToMembers(both, 'told', text, options));
            }
            for (const { id, subset, member, expected } of members) {
              const isMeant = to < 3 ? subset.includes(to) : /^member-[01]-/.test(member);
              if (isMeant && id !== exceptSocketId) expected.push(text);
            }
            if (endsTurn) await nextTurn();
          }
          sending.push(publish(host, `end${suffix}`, 'the end'));
          await Promise.all(sending);
          for (const { wire, expected } of members) {
            await wire.until('the end', () => wire.events('told').at(-1) === 'the end');
            expect(wire.events('told')).toEqual([...expected, 'the end']);
            wire.socket.destroy();
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  test('reach a real pusher-js in their order, on its own, a private and a presence channel', async () => {
    const { host } = await start();
    const member: Pusher = plainPusher(host, {
      userData: { id: 'ann' },
      channelData: { user_id: 'ann' },
    });
    await connected(member);
    const [closed, lobby] = [member.subscribe('private-x'), member.subscribe('presence-y')];
    await Promise.all([subscribed(closed), subscribed(lobby)]);
    while ((await host.runtime.client.onlineMembers(['ann'])).size === 0) await nextTurn();
    const heard = hearing(
      {
        bind: (event, handler) =>
          member.bind_global((name: string, data: never) => {
            if (name === event) handler(data);
          }),
      },
      'told',
    );
    const { client } = host.runtime;
    const sending = numbers(300).map((number) => {
      if (number % 3 === 0) return client.relayToMember('ann', 'told', number);
      return publish(host, number % 3 === 1 ? 'private-x' : 'presence-y', number);
    });
    await Promise.all(sending);
    for (const number of numbers(300)) expect(await heard.next()).toMatchObject({ data: number });
    expect(heard.untaken).toEqual([]);
  });

  test('have the header that fits, at every length at which it changes', async () => {
    const { host } = await start({ maxEventBytes: 0 });
    const wire = await listener(host, 'n');
    // The length around the data of such a frame, whose quotes are escaped.
    const around = '{"event":"told","channel":"n","data":"\\"\\""}'.length;
    const lengths = [125, 126, 127, 65_534, 65_535, 65_536, 65_537, 131_072];
    await Promise.all(lengths.map((length) => publish(host, 'n', 'x'.repeat(length - around))));
    await publish(host, 'n', `a lone surrogate \ud800, ünïcödé ${'👋'.repeat(30)}`);
    await wire.until('all', () => wire.of(TEXT).length === 2 + lengths.length + 1);
    expect(
      wire
        .of(TEXT)
        .slice(2, -1)
        .map(({ length }) => length),
    ).toEqual(lengths);
    expect(wire.events().at(-1)).toContain('ünïcödé');
  });

  test('are told to whoever subscribes in between only from there on, and presence in the order it came about', async () => {
    const { host } = await start();
    const room = 'presence-room';
    const [ann, bob] = [Wire.open(host), Wire.open(host)];
    const ids = await Promise.all([ann.greeted(), bob.greeted()]);
    await ann.joins(room, channelAuth(host.app, ids[0], room, { user_id: 'ann' }));
    await publish(host, room, 'before');
    // Both are on their way at once; where the nodes are two, each has its own order.
    await bob.joins(room, channelAuth(host.app, ids[1], room, { user_id: 'bob' }));
    await publish(host, room, 'after');
    await Promise.all(
      [ann, bob].map((wire) => wire.until('after', () => wire.events('told').includes('after'))),
    );
    const last = (wire: Wire) =>
      wire.messages.slice(1).map(({ event, data }) => (event === 'told' ? data : event));
    expect(last(ann)).toEqual([
      'pusher_internal:subscription_succeeded',
      '"before"',
      'pusher_internal:member_added',
      '"after"',
    ]);
    expect(last(bob)).toEqual(['pusher_internal:subscription_succeeded', '"after"']);
    expect(JSON.parse(bob.messages[1]?.data as string)).toMatchObject({
      presence: { ids: ['ann', 'bob'], count: 2 },
    });
  });
});

onOneNode('a turn belongs to one process', () => {
  describe('A turn', () => {
    test('costs one write for each socket, of one and the same buffer', async () => {
      const { host, sockets } = await start();
      const wires = await audience(host, 20, 'news');
      const writes = sockets.map((socket) => jest.spyOn(socket, 'write'));
      for (const number of numbers(50)) void publish(host, 'news', number);
      expect(writes.flatMap(({ mock }) => mock.calls)).toEqual([]);
      for (const wire of wires) await wire.until('the last', () => wire.events().length === 50);
      const written = writes.map(({ mock }) => mock.calls.map(([bytes]) => bytes as unknown));
      expect(written.map(({ length }) => length)).toEqual(wires.map(() => 1));
      expect(new Set(written.flat()).size).toBe(1);
    });

    test('of more than 64 KiB is written as it goes, still of the same buffers', async () => {
      const { host, sockets } = await start();
      const wires = await audience(host, 5, 'news');
      const writes = sockets.map((socket) => jest.spyOn(socket, 'write'));
      for (const number of numbers(40)) void publish(host, 'news', [number, 'x'.repeat(5_000)]);
      const soFar = writes.map(({ mock }) => mock.calls.length);
      expect(soFar.every((count) => count >= 2)).toBe(true);
      for (const wire of wires) await wire.until('the last', () => wire.events().length === 40);
      const written = writes.map(({ mock }) => mock.calls.map(([bytes]) => bytes as unknown as Buffer));
      expect(new Set(written.map(({ length }) => length)).size).toBe(1);
      expect(new Set(written.flat()).size).toBe(written[0]?.length);
      expect(Math.max(...written.flat().map(({ length }) => length))).toBeLessThanOrEqual(65_536);
      for (const wire of wires) {
        expect(wire.events().map((data) => (data as [number, string])[0])).toEqual(numbers(40));
      }
    });

    test('that tells one socket more than the others mixes nothing up', async () => {
      const { host, sockets } = await start();
      const wires = await audience(host, 4, 'news');
      await wires[0]?.joins('more');
      await wires[2]?.joins('more');
      const writes = sockets.map((socket) => jest.spyOn(socket, 'write'));
      for (const number of numbers(30)) void publish(host, number % 3 === 0 ? 'more' : 'news', number);
      const all = numbers(30);
      const news = all.filter((number) => number % 3 !== 0);
      for (const [index, wire] of wires.entries()) {
        const expected = index % 2 === 0 ? all : news;
        await wire.until('the last', () => wire.events().length === expected.length);
        expect(wire.events()).toEqual(expected);
      }
      expect(writes.map(({ mock }) => mock.calls.length)).toEqual([1, 1, 1, 1]);
    });

    test('that lasts through promises and ticks is one', async () => {
      const { host, sockets } = await start();
      const wire = await listener(host, 'news');
      const writes = sockets.map((socket) => jest.spyOn(socket, 'write'));
      for (const number of numbers(10)) {
        await publish(host, 'news', number);
        await new Promise<void>((resolve) => {
          process.nextTick(resolve);
        });
      }
      await wire.until('the last', () => wire.events().length === 10);
      expect(writes.map(({ mock }) => mock.calls.length)).toEqual([1]);
    });

    test('in which clients come, go, subscribe, speak and are ended tells each exactly what a simple model says', async () => {
      const { host, sockets } = await start({
        maxEventBytes: 0,
        gateway: { clientEvents: true, presenceGraceMs: 60_000, limits: UNLIMITED },
      });
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(modelStep, { maxLength: 60 }), async (steps) => {
          const model = await Model.start(host, sockets, run++);
          for (const step of steps) await model.take(step);
          await model.check();
        }),
        { numRuns: 60 },
      );
    });

    test('in which a client’s pings come between the events answers them all and keeps the order', async () => {
      const { host, sockets } = await start();
      const wire = await listener(host, 'news');
      const end = endOf(sockets, wire);
      for (const number of numbers(40)) {
        void publish(host, 'news', number);
        arrive(end, masked(PING, `ping ${number}`));
        arrive(end, inbound('pusher:ping'));
      }
      await wire.until('the last', () => wire.of(TEXT).length === 82);
      expect(wire.of(PONG).map(String)).toEqual(numbers(40).map((number) => `ping ${number}`));
      const received = wire.messages
        .slice(2)
        .map(({ event, data }) => (event === 'told' ? Number(data) : event));
      expect(received).toEqual(numbers(40).flatMap((number) => [number, 'pusher:pong']));
    });
  });
});

describe('A message in pieces', () => {
  test('is one message, whatever the server sends and is pinged between the pieces', async () => {
    const { host } = await start({ gateway: { clientEvents: true } });
    const channel = 'private-talk';
    const [ann, bob] = [Wire.open(host), Wire.open(host)];
    for (const wire of [ann, bob]) {
      const id = await wire.greeted();
      await wire.joins(channel, channelAuth(host.app, id, channel));
    }
    const text = Buffer.from(JSON.stringify({ event: 'client-said', channel, data: '"in pieces"' }));
    const pieces = [text.subarray(0, 5), text.subarray(5, 6), text.subarray(6)];
    for (const [index, piece] of pieces.entries()) {
      ann.socket.write(masked(index === 0 ? TEXT : 0, piece, index === pieces.length - 1));
      await publish(host, channel, index);
      ann.socket.write(masked(PING, `${index}`));
      await ann.until('the pong', () => ann.of(PONG).length === index + 1);
      await ann.until('the event', () => ann.events('told').length === index + 1);
    }
    await bob.hears('client-said');
    await bob.until('the events', () => bob.events('told').length === 3);
    expect(bob.events('told')).toEqual([0, 1, 2]);
    expect(bob.events('client-said')).toEqual(['in pieces']);
    expect(ann.events('client-said')).toEqual([]);
  });
});
