import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { Host, type HostOptions } from '../../../support/host.js';
import { engineOf } from '../../../support/runtime-parts.js';
import { userAuth } from '../../../support/signing.js';
import { onTeardown } from '../../../support/teardown.js';

export const TEXT = 0x1;
export const CLOSE = 0x8;
export const PING = 0x9;
export const PONG = 0xa;

export const PATH = '/app/switchboard-key?protocol=7&client=js&version=8.6.0';
export const KNOCK = [
  `GET ${PATH} HTTP/1.1`,
  'Host: x',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

export const hello = (...more: string[]) => `${[...KNOCK, ...more].join('\r\n')}\r\n\r\n`;

/** A frame as a client sends it, masked. */
export function masked(opcode: number, payload: Buffer | string, isFinal = true): Buffer {
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

export const inbound = (event: string, data: unknown = {}, channel?: string) =>
  masked(TEXT, JSON.stringify({ event, data, channel }));

export const closing = (code: number) => masked(CLOSE, Buffer.from([code >> 8, code & 0xff]));

export interface WireFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

export interface Message {
  readonly event: string;
  readonly channel?: string;
  readonly data?: unknown;
  readonly user_id?: string;
}

/**
 * A WebSocket client by hand: it sees every byte it is sent, and holds the server to RFC 6455. Any byte behind a close
 * frame, any fragment, any mask, any bit of an extension fails the test that waits for it.
 */
export class Wire {
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
export async function start(options: HostOptions = {}): Promise<{ host: Host; sockets: Socket[] }> {
  const host = await Host.start(options);
  const sockets: Socket[] = [];
  host.topology.onConnection((socket) => sockets.push(socket));
  return { host, sockets };
}

/** The server's end of a connection. On one node only: else the balancer is in between. */
export function endOf(sockets: readonly Socket[], wire: Wire): Socket {
  const socket = sockets.find(({ remotePort }) => remotePort === wire.socket.localPort);
  if (socket === undefined) throw new Error('The server knows nothing of it');
  return socket;
}

/** Has the server read these bytes now, in the middle of whatever turn it is. */
export function arrive(end: Socket, bytes: Buffer): void {
  end.emit('data', bytes);
}

/** A client that is subscribed to a channel. */
export async function listener(host: Host, channel: string): Promise<Wire> {
  const wire = Wire.open(host);
  await wire.greeted();
  await wire.joins(channel);
  return wire;
}

export const audience = (host: Host, size: number, channel: string): Promise<Wire[]> =>
  Promise.all(numbers(size).map(() => listener(host, channel)));

export const numbers = (length: number, from = 0) => Array.from({ length }, (_, index) => from + index);

/** Publishes within this turn, and waits for nothing. The caller awaits the outcome. */
export const publish = (host: Host, channel: string, data: unknown, exceptSocketId?: string): Promise<void> =>
  host.runtime.client.relayToChannel(channel, 'told', data, exceptSocketId ? { exceptSocketId } : {});

export const slowReaders = (host: Host) =>
  host.topology.runtimes.reduce(
    (sum, runtime) => sum + (engineOf(runtime).counters.closed.counts.get('slow_reader') ?? 0),
    0,
  );

/** Waits until the server has let go of its ends. */
export async function gone(sockets: readonly Socket[]): Promise<void> {
  await Promise.all(sockets.map(async (socket) => socket.closed || once(socket, 'close')));
}

export const UNLIMITED = {
  connections: 0,
  messagesPerSecond: 0,
  clientEventsPerSecond: 0,
  subscribesPerSecond: 0,
};
