import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { jest } from '@jest/globals';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import fc from 'fast-check';
import { WebSocket } from 'ws';
import { Host, type HostOptions } from '../../support/host.js';
import { connected, plainPusher } from '../../support/plain-pusher.js';
import { type Pusher, subscribed } from '../../support/pusher-browser.js';
import { hearing, statesOf } from '../../support/pusher-events.js';
import { RawClient } from '../../support/raw-client.js';
import { reset } from '../../support/reset.js';
import { engineOf } from '../../support/runtime-parts.js';
import { channelAuth, userAuth } from '../../support/signing.js';
import { onTeardown } from '../../support/teardown.js';
import { onOneNode } from '../../support/topology.js';

// What one turn of the event loop sends to a socket leaves at the turn's end, in one write beneath `ws`. These tests look at
// the bytes: a gathered frame never overtakes, and never outlives its connection.

const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

const PATH = '/app/switchboard-key?protocol=7&client=js&version=8.6.0';
const KNOCK = [
  `GET ${PATH} HTTP/1.1`,
  'Host: x',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

const hello = (...more: string[]) => `${[...KNOCK, ...more].join('\r\n')}\r\n\r\n`;

/** A frame as a client sends it, masked. */
function masked(opcode: number, payload: Buffer | string, isFinal = true): Buffer {
  const bytes = Buffer.from(payload);
  const header = [(isFinal ? 0x80 : 0) | opcode];
  if (bytes.length <= 125) header.push(0x80 | bytes.length);
  else if (bytes.length <= 0xffff) header.push(0x80 | 126, bytes.length >> 8, bytes.length & 0xff);
  else throw new Error('These tests send no longer frames');
  const mask = randomBytes(4);
  return Buffer.concat([
    Buffer.from(header),
    mask,
    bytes.map((byte, index) => byte ^ (mask[index & 3] ?? 0)),
  ]);
}

const inbound = (event: string, data: unknown = {}, channel?: string) =>
  masked(TEXT, JSON.stringify({ event, data, channel }));

const closing = (code: number) => masked(CLOSE, Buffer.from([code >> 8, code & 0xff]));

interface WireFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

interface Message {
  readonly event: string;
  readonly channel?: string;
  readonly data?: unknown;
  readonly user_id?: string;
}

/**
 * A WebSocket client by hand: it sees every byte it is sent, and holds the server to RFC 6455. Any byte behind a close
 * frame, any fragment, any mask, any bit of an extension fails whoever waits for it.
 */
class Wire {
  /** The answer to the upgrade. */
  head = '';
  readonly frames: WireFrame[] = [];
  /** How much came with each read from the socket, the answer to the upgrade included. */
  readonly reads: Buffer[] = [];
  isClosed = false;
  #rest: Buffer = Buffer.alloc(0);
  #problem: string | undefined;
  readonly #news = new EventEmitter();

  constructor(readonly socket: Socket) {
    onTeardown(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => {
      this.reads.push(data);
      this.#rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
      this.#read();
      this.#news.emit('news');
    });
    socket.on('close', () => {
      this.isClosed = true;
      if (this.#rest.length > 0) this.#problem ??= `${this.#rest.length} bytes of no frame at the end`;
      this.#news.emit('news');
    });
  }

  /** Connects and knocks. */
  static open(host: Host, ...headers: string[]): Wire {
    const wire = new Wire(connectTcp({ port: host.port, host: '127.0.0.1' }));
    wire.socket.write(hello(...headers));
    return wire;
  }

  /** Waits until something holds of what has arrived; fails when it can hold no more. */
  async until(what: string, holds: () => boolean): Promise<void> {
    for (;;) {
      if (this.#problem !== undefined) throw new Error(this.#problem);
      if (holds()) return;
      if (this.isClosed) {
        const last = this.frames.at(-1)?.payload.toString().slice(0, 100) ?? this.head;
        throw new Error(`closed before ${what}; the last it heard: ${last}`);
      }
      await once(this.#news, 'news');
    }
  }

  /** Waits for the greeting, and returns the socket id. */
  async greeted(): Promise<string> {
    await this.until('the greeting', () => this.messages.length > 0);
    const [greeting] = this.messages;
    expect(greeting?.event).toBe('pusher:connection_established');
    return (JSON.parse(greeting?.data as string) as { socket_id: string }).socket_id;
  }

  async hears(event: string): Promise<void> {
    await this.until(event, () => this.messages.some((message) => message.event === event));
  }

  /** Subscribes, and waits for the answer. */
  async joins(channel: string, auth: object = {}): Promise<void> {
    this.socket.write(inbound('pusher:subscribe', { channel, ...auth }));
    await this.until(`joining ${channel}`, () =>
      this.messages.some(
        (message) =>
          message.event === 'pusher_internal:subscription_succeeded' && message.channel === channel,
      ),
    );
  }

  async signsIn(host: Host, socketId: string, id: string): Promise<void> {
    this.socket.write(inbound('pusher:signin', userAuth(host.app, socketId, { id })));
    await this.hears('pusher:signin_success');
  }

  /** Waits until the other end has closed the connection. */
  async ended(): Promise<void> {
    await this.until('the end', () => this.isClosed);
  }

  get messages(): Message[] {
    return this.of(TEXT).map((payload) => JSON.parse(payload.toString()) as Message);
  }

  /** The data of the application's own events, in their order; those of one name, if it is given. */
  events(name?: string): unknown[] {
    return this.messages
      .filter(({ event }) => (name === undefined ? !event.startsWith('pusher') : event === name))
      .map(({ data }) => JSON.parse(data as string) as unknown);
  }

  of(opcode: number): Buffer[] {
    return this.frames.filter((frame) => frame.opcode === opcode).map(({ payload }) => payload);
  }

  /** The code of the close frame, if one has come. */
  get code(): number | undefined {
    const [payload] = this.of(CLOSE);
    return payload?.length === 0 ? 1005 : payload?.readUInt16BE(0);
  }

  #read(): void {
    if (this.head === '') {
      const end = this.#rest.indexOf('\r\n\r\n');
      if (end === -1) return;
      this.head = this.#rest.subarray(0, end).toString('latin1');
      this.#rest = this.#rest.subarray(end + 4);
    }
    if (!this.head.startsWith('HTTP/1.1 101 ')) {
      this.#rest = Buffer.alloc(0);
      return;
    }
    for (;;) {
      const frame = this.#next();
      if (frame === undefined) return;
      if (this.frames.at(-1)?.opcode === CLOSE) {
        const text = frame.payload.toString().slice(0, 80);
        this.#problem ??= `behind the close frame came one of opcode ${frame.opcode}: ${text}`;
      }
      this.frames.push(frame);
      // The answer to a close, without which the server would wait for it; if it is the answer, one too many harms nobody.
      if (frame.opcode === CLOSE) this.socket.write(closing(1000));
    }
  }

  #next(): WireFrame | undefined {
    const bytes = this.#rest;
    if (bytes.length < 2) return undefined;
    const [first = 0, second = 0] = bytes;
    const opcode = first & 0x0f;
    if ((first & 0xf0) !== 0x80) this.#problem ??= `a fragment, or an extension: ${first.toString(16)}`;
    if (![TEXT, CLOSE, PING, PONG].includes(opcode)) this.#problem ??= `a frame of opcode ${opcode}`;
    if (second > 127) this.#problem ??= 'a masked frame';
    let [length, start] = [second & 0x7f, 2];
    if (length >= 126) {
      const isShort = length === 126;
      start = isShort ? 4 : 10;
      if (bytes.length < start) return undefined;
      length = isShort ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
      if (length <= (isShort ? 125 : 0xffff)) this.#problem ??= `${length} bytes in too long a header`;
    }
    if (bytes.length < start + length) return undefined;
    this.#rest = bytes.subarray(start + length);
    return { opcode, payload: bytes.subarray(start, start + length) };
  }
}

/** A host application, and the server's ends of its connections. */
async function start(options: HostOptions = {}): Promise<{ host: Host; sockets: Socket[] }> {
  const host = await Host.start(options);
  const sockets: Socket[] = [];
  host.topology.onConnection((socket) => sockets.push(socket));
  return { host, sockets };
}

/** The server's end of a connection. On one node only: else the balancer is in between. */
function endOf(sockets: readonly Socket[], wire: Wire): Socket {
  const socket = sockets.find(({ remotePort }) => remotePort === wire.socket.localPort);
  if (socket === undefined) throw new Error('The server knows nothing of it');
  return socket;
}

/** Has the server read these bytes now, in the middle of whatever turn it is. */
function arrive(end: Socket, bytes: Buffer): void {
  end.emit('data', bytes);
}

/** A client that is subscribed to a channel. */
async function listener(host: Host, channel: string): Promise<Wire> {
  const wire = Wire.open(host);
  await wire.greeted();
  await wire.joins(channel);
  return wire;
}

const audience = (host: Host, size: number, channel: string): Promise<Wire[]> =>
  Promise.all(numbers(size).map(() => listener(host, channel)));

const numbers = (length: number, from = 0) => Array.from({ length }, (_, index) => from + index);

/** Publishes within this turn, and nothing waits for anything. What becomes of it is waited for by whoever calls. */
const publish = (host: Host, channel: string, data: unknown, exceptSocketId?: string): Promise<void> =>
  host.runtime.client.relayToChannel(channel, 'told', data, exceptSocketId ? { exceptSocketId } : {});

const slowReaders = (host: Host) =>
  host.topology.runtimes.reduce(
    (sum, runtime) => sum + (engineOf(runtime).counters.closed.counts.get('slow_reader') ?? 0),
    0,
  );

/** Waits until the server has let go of its ends. */
async function gone(sockets: readonly Socket[]): Promise<void> {
  await Promise.all(sockets.map(async (socket) => socket.closed || once(socket, 'close')));
}

const UNLIMITED = {
  connections: 0,
  messagesPerSecond: 0,
  clientEventsPerSecond: 0,
  subscribesPerSecond: 0,
};

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
    // What is around the data of such a frame, whose quotes are escaped.
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

onOneNode('what a turn is belongs to one process', () => {
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

    test('and is cut off by the server with frames gathered leaves nothing behind either', async () => {
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
      // Whoever is told so much within one turn has no chance to read.
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

    test('has nothing to do with what is gathered for a client that cannot be written to any more', async () => {
      const { host, sockets } = await start({ gateway: { limits: { bufferedBytes: 50_000 } } });
      const [wire, stays] = [await listener(host, 'news'), await listener(host, 'news')];
      endOf(sockets, wire).destroy();
      for (const number of numbers(20)) void publish(host, 'news', [number, 'x'.repeat(10_000)]);
      await stays.until('all', () => stays.of(TEXT).length === 22);
      expect(slowReaders(host)).toBe(0);
    });
  });
});

describe('The answer to an upgrade', () => {
  test('comes in one piece with the greeting', async () => {
    const { host } = await start();
    const wire = Wire.open(host);
    await wire.greeted();
    expect(wire.reads).toHaveLength(1);
    expect(wire.reads[0]?.toString('latin1')).toMatch(/^HTTP\/1\.1 101 [\s\S]*connection_established/);
  });

  test('comes in one piece with the refusal and its close frame', async () => {
    const { host } = await start();
    const wire = new Wire(connectTcp(host.port, '127.0.0.1'));
    wire.socket.write(hello().replace('switchboard-key', 'nobody'));
    await wire.until('the close', () => wire.code !== undefined);
    expect(wire.reads).toHaveLength(1);
    expect(wire.messages).toMatchObject([{ event: 'pusher:error', data: { code: 4001 } }]);
    expect(wire.code).toBe(4001);
    wire.socket.write(closing(4001));
    await wire.ended();
  });

  test('declines compression, whoever offers it', async () => {
    const { host } = await start();
    const wire = Wire.open(
      host,
      'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, permessage-deflate',
    );
    await wire.greeted();
    expect(wire.head).not.toMatch(/extensions/i);
    await wire.joins('news');
    await publish(host, 'news', 'x'.repeat(5_000));
    await wire.hears('told');

    const client = RawClient.open(`ws://127.0.0.1:${host.port}${PATH}`, {
      perMessageDeflate: { threshold: 0 },
    });
    await client.greeted();
    expect(client.socket.extensions).toBe('');
  });

  test.each([
    [
      'a version nobody speaks',
      hello().replace('Version: 13', 'Version: 12'),
      400,
      /^sec-websocket-version: 13/im,
    ],
    ['no version', hello().replace('Sec-WebSocket-Version: 13\r\n', ''), 400, /sec-websocket-version/i],
    ['no key', hello().replace(/Sec-WebSocket-Key.*\r\n/, ''), 400, /^content-length: /im],
    ['half a key', hello().replace('dGhlIHNhbXBsZSBub25jZQ==', 'dGhl'), 400, /^content-length: /im],
    ['a protocol that is none', hello('Sec-WebSocket-Protocol: ,'), 400, /^content-length: /im],
    ['another method', hello().replace('GET', 'PUT'), 405, /^content-length: /im],
  ])('says what is wrong with %s, and keeps nothing open', async (_, request, status, header) => {
    const { host, sockets } = await start();
    for (const allowHalfOpen of [false, true]) {
      const wire = new Wire(connectTcp({ port: host.port, host: '127.0.0.1', allowHalfOpen }));
      wire.socket.write(request);
      await wire.until('the answer', () => wire.head !== '');
      expect(wire.head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(wire.head).toMatch(header);
      if (allowHalfOpen) wire.socket.end();
      await wire.ended();
    }
    expect(sockets).toHaveLength(2);
    await gone(sockets);
    expect(host.engines.connections).toBe(0);
  });

  test('has a body, whole, although the socket was corked', async () => {
    const { host } = await start();
    const socket = connectTcp(host.port, '127.0.0.1');
    onTeardown(() => socket.destroy());
    socket.write(hello().replace('Version: 13', 'Version: 12'));
    let answer = '';
    socket.on('data', (data: Buffer) => (answer += data.toString()));
    await once(socket, 'end');
    const length = Number(/content-length: (\d+)/i.exec(answer)?.[1]);
    expect(answer.split('\r\n\r\n')[1]).toHaveLength(length);
  });

  test('may never be read: who leaves before it comes is forgotten', async () => {
    const { host, sockets } = await start();
    for (let number = 0; number < 10; number++) {
      const socket = connectTcp(host.port, '127.0.0.1');
      await once(socket, 'connect');
      await new Promise((resolve) => socket.write(hello(), resolve));
      if (number % 2 === 0) reset(socket);
      else socket.end(() => socket.destroy());
    }
    const wire = await listener(host, 'news');
    do {
      await publish(host, 'news', 1);
      await nextTurn();
    } while (host.engines.connections > 1);
    await wire.hears('told');
    wire.socket.destroy();
    await gone(sockets);
  });
});

onOneNode('the nodes go at once, and what one has sent need not have reached the other', () => {
  describe('A server that goes away', () => {
    test('says everything it has gathered, and then 4200', async () => {
      const { host } = await start();
      const wires = await audience(host, 5, 'news');
      const sending = numbers(10).map((number) => publish(host, 'news', number));
      await Promise.all([...sending, host.close()]);
      for (const wire of wires) {
        await wire.ended();
        expect(wire.events()).toEqual(numbers(10));
        expect(wire.code).toBe(4200);
      }
    });

    test('says it even when it goes within the turn that gathered it', async () => {
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
        expect(wire.code).toBe(4200);
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

describe('Over TLS', () => {
  const frameworks: [string, (https: { key: string; cert: string }) => AbstractHttpAdapter][] = [
    ['Express', (https) => new TlsExpress(https)],
    ['Fastify', (https) => new FastifyAdapter({ https })],
  ];

  test.each(frameworks)(
    'on %s everything of one turn arrives in order, and the close behind it',
    async (_, adapter) => {
      const https = await certificate();
      const { host } = await start({ httpAdapter: () => adapter(https) });
      const wires = await Promise.all(
        numbers(5).map(async () => {
          const wire = new Wire(
            connectTls({ port: host.port, host: '127.0.0.1', rejectUnauthorized: false }),
          );
          wire.socket.write(hello());
          await wire.signsIn(host, await wire.greeted(), 'ann');
          await wire.joins('news');
          return wire;
        }),
      );
      await Promise.all(numbers(200).map((number) => publish(host, 'news', [number, 'x'.repeat(2_000)])));
      for (const wire of wires) await wire.until('all', () => wire.of(TEXT).length === 203);
      void host.runtime.client.relayToMember('ann', 'told', [200]);
      void host.runtime.client.disconnectMember('ann');
      for (const wire of wires) {
        await wire.ended();
        expect(wire.events('told').map((data) => (data as [number])[0])).toEqual(numbers(201));
        expect(wire.code).toBe(4009);
      }
    },
  );

  test('a real WebSocket client is served too, and a burst below the bound is no reason to close it', async () => {
    const https = await certificate();
    const { host } = await start({ httpAdapter: () => new TlsExpress(https) });
    const client = RawClient.open(`wss://127.0.0.1:${host.port}${PATH}`, { rejectUnauthorized: false });
    await client.greeted();
    client.say('pusher:subscribe', { channel: 'news' });
    await client.next();
    await Promise.all(numbers(90).map((number) => publish(host, 'news', [number, 'x'.repeat(10_000)])));
    for (const number of numbers(90)) {
      const { data } = await client.next();
      expect((JSON.parse(data as string) as [number])[0]).toBe(number);
    }
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
    expect(slowReaders(host)).toBe(0);
  });
});

class TlsExpress extends ExpressAdapter {
  constructor(private readonly https: { key: string; cert: string }) {
    super();
  }

  override initHttpServer(): void {
    super.initHttpServer({ httpsOptions: this.https });
  }
}

/** A certificate nobody knows, made once for the file. */
let made: Promise<{ key: string; cert: string }> | undefined;
function certificate(): Promise<{ key: string; cert: string }> {
  return (made ??= makeCertificate());
}

async function makeCertificate(): Promise<{ key: string; cert: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'switchboard-gathering-'));
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=localhost', '-keyout', keyFile, '-out', certFile],
  ]);
  const [key, cert] = await Promise.all([readFile(keyFile, 'utf8'), readFile(certFile, 'utf8')]);
  await rm(folder, { recursive: true });
  return { key, cert };
}

// ---- the model of one turn -------------------------------------------------------------------------------------------

const MEMBERS = ['ann', 'ann', 'bob', 'cy', 'cy'];
const CHANNELS = ['room', 'private-room', 'presence-room'];

const who = fc.nat(MEMBERS.length - 1);
const which = fc.nat(CHANNELS.length - 1);
/** Nobody, most of the time. */
const except = fc.nat(2 * MEMBERS.length);
const size = fc.constantFrom(0, 0, 0, 0, 100, 2_000, 9_000);
const modelStep = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('publish'), which, except, size }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('relay'), who, except, size }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('subscribe'), who, which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('unsubscribe'), who, which }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('speak'), who, which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('ping'), who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('disconnect'), who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close'), who }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('turn') }) },
);

/** Any step: what its kind does not need is not there. */
interface Step {
  readonly kind: string;
  readonly who?: number;
  readonly which?: number;
  readonly except?: number;
  readonly size?: number;
}

/** A client, and what it has to hear. */
interface Guest {
  readonly wire: Wire;
  readonly id: string;
  readonly end: Socket;
  readonly member: string;
  /** The channels it is on, in the order in which it joined them. */
  readonly on: Set<string>;
  readonly expected: string[];
  readonly pings: string[];
  /** `closing` from its own close frame to the end of the turn. */
  state: 'open' | 'closing' | 'gone';
}

/** What every client has to hear, told one step at a time, while the real thing takes the same steps. */
class Model {
  readonly #rosters = new Map<string, Set<string>>();
  readonly #connectionsBefore: number;
  #number = 0;

  private constructor(
    private readonly host: Host,
    private readonly guests: readonly Guest[],
    private readonly run: number,
  ) {
    this.#connectionsBefore = host.engines.connections - guests.length;
  }

  static async start(host: Host, sockets: readonly Socket[], run: number): Promise<Model> {
    const guests: Guest[] = [];
    for (const name of MEMBERS) {
      const wire = Wire.open(host);
      const [id, member] = [await wire.greeted(), `${name}-${run}`];
      await wire.signsIn(host, id, member);
      const rest = { on: new Set<string>(), expected: [], pings: [], state: 'open' as const };
      guests.push({ wire, id, end: endOf(sockets, wire), member, ...rest });
    }
    return new Model(host, guests, run);
  }

  async take(step: Step): Promise<void> {
    const guest = step.who === undefined ? undefined : this.guests[step.who];
    const channel = step.which === undefined ? '' : `${CHANNELS[step.which] ?? ''}-${this.run}`;
    const exceptId = step.except === undefined ? undefined : this.guests[step.except]?.id;
    const text = `${this.#number++} ${'x'.repeat(step.size ?? 0)}`;
    const options = exceptId === undefined ? {} : { exceptSocketId: exceptId };
    if (step.kind === 'turn') {
      await this.#turn();
    } else if (step.kind === 'publish') {
      void publish(this.host, channel, text, exceptId);
      this.#tell(channel, `told ${text}`, exceptId);
    } else if (guest === undefined) {
      throw new Error(`Nobody to ${step.kind}`);
    } else if (step.kind === 'relay') {
      void this.host.runtime.client.relayToMember(guest.member, 'told', text, options);
      for (const other of this.guests) {
        if (other.member === guest.member && other.id !== exceptId) this.#hears(other, `told ${text}`);
      }
    } else if (step.kind === 'disconnect') {
      void this.host.runtime.client.disconnectMember(guest.member);
      for (const other of this.guests.filter(({ member }) => member === guest.member)) this.#end(other);
    } else if (guest.state === 'open') {
      this.#says(guest, step.kind, channel, text);
    }
  }

  /** Ends the last turn, and compares. */
  async check(): Promise<void> {
    await this.#turn();
    for (const { wire, expected, pings, state } of this.guests) {
      if (state === 'open') {
        wire.socket.write(inbound('pusher:ping'));
        await wire.until('the pong', () => wire.messages.at(-1)?.event === 'pusher:pong');
        expected.push('pusher:pong');
      } else {
        await wire.ended();
      }
      expect(told(wire)).toEqual(expected);
      expect(wire.of(PONG).map(String)).toEqual(pings);
      wire.socket.destroy();
    }
  }

  #says(guest: Guest, kind: string, channel: string, text: string): void {
    const { app } = this.host;
    const isPresence = channel.startsWith('presence-');
    switch (kind) {
      case 'subscribe': {
        const data = isPresence ? { user_id: guest.member } : undefined;
        const auth = channel.startsWith('room') ? {} : channelAuth(app, guest.id, channel, data);
        arrive(guest.end, inbound('pusher:subscribe', { channel, ...auth }));
        this.#join(guest, channel);
        break;
      }
      case 'unsubscribe':
        arrive(guest.end, inbound('pusher:unsubscribe', { channel }));
        if (guest.on.has(channel)) this.#leave(guest, channel);
        break;
      case 'speak': {
        arrive(guest.end, inbound('client-said', text, channel));
        if (!guest.on.has(channel) || channel.startsWith('room')) this.#hears(guest, 'error null');
        else this.#tell(channel, `client-said ${text}${isPresence ? ` of ${guest.member}` : ''}`, guest.id);
        break;
      }
      case 'ping':
        arrive(guest.end, masked(PING, text));
        guest.pings.push(text);
        break;
      case 'close':
        arrive(guest.end, closing(1000));
        this.#hears(guest, 'closed 1000');
        guest.state = 'closing';
        break;
      default:
        throw new Error(`What is ${kind}?`);
    }
  }

  #join(guest: Guest, channel: string): void {
    if (guest.on.has(channel)) {
      this.#hears(guest, 'error null');
      return;
    }
    if (channel.startsWith('presence-')) {
      const roster = this.#rosters.get(channel) ?? new Set();
      this.#rosters.set(channel, roster);
      if (!roster.has(guest.member)) this.#tell(channel, `added ${guest.member}`);
      roster.add(guest.member);
      this.#hears(guest, `joined ${channel} with ${[...roster].join()}`);
    } else {
      this.#hears(guest, `joined ${channel}`);
    }
    guest.on.add(channel);
  }

  /** Leaves for good, so that everybody is told at once. */
  #leave(guest: Guest, channel: string): void {
    guest.on.delete(channel);
    const isLast = !this.guests.some(({ member, on }) => member === guest.member && on.has(channel));
    if (!channel.startsWith('presence-') || !isLast) return;
    this.#rosters.get(channel)?.delete(guest.member);
    this.#tell(channel, `removed ${guest.member}`);
  }

  #end(guest: Guest): void {
    this.#hears(guest, 'error 4009');
    this.#hears(guest, 'closed 4009');
    if (guest.state === 'gone') return;
    guest.state = 'gone';
    for (const channel of guest.on) this.#leave(guest, channel);
  }

  #tell(channel: string, what: string, exceptId?: string): void {
    for (const guest of this.guests) {
      if (guest.on.has(channel) && guest.id !== exceptId) this.#hears(guest, what);
    }
  }

  #hears({ state, expected }: Guest, what: string): void {
    if (state === 'open') expected.push(what);
  }

  /** Who closed by itself is gone now, and kept on the rosters: it may come back. */
  async #turn(): Promise<void> {
    await nextTurn();
    for (const guest of this.guests) {
      if (guest.state !== 'closing') continue;
      guest.state = 'gone';
      guest.on.clear();
    }
    const open = this.guests.filter(({ state }) => state === 'open').length;
    while (this.host.engines.connections > this.#connectionsBefore + open) await nextTurn();
  }
}

/** What a client has heard since it signed in, in the words of the model. */
function told(wire: Wire): string[] {
  return wire.frames
    .filter(({ opcode }) => opcode === TEXT || opcode === CLOSE)
    .slice(2)
    .map(({ opcode, payload }) => {
      if (opcode === CLOSE) return `closed ${payload.readUInt16BE(0)}`;
      const { event, channel = '', data, user_id: userId } = JSON.parse(payload.toString()) as Message;
      const content: unknown = typeof data === 'string' && event !== 'client-said' ? JSON.parse(data) : data;
      switch (event) {
        case 'pusher:error':
          return `error ${String((content as { code: number | null }).code)}`;
        case 'pusher_internal:subscription_succeeded': {
          const { presence } = content as { presence?: { ids: string[] } };
          return `joined ${channel}${presence === undefined ? '' : ` with ${presence.ids.join()}`}`;
        }
        case 'pusher_internal:member_added':
          return `added ${(content as { user_id: string }).user_id}`;
        case 'pusher_internal:member_removed':
          return `removed ${(content as { user_id: string }).user_id}`;
        case 'client-said':
          return `client-said ${String(content)}${userId === undefined ? '' : ` of ${userId}`}`;
        case 'told':
          return `told ${String(content)}`;
        default:
          return event;
      }
    });
}
