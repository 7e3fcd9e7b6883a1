import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { reset } from '../../../support/reset.js';
import { type Item, tcp, upgrade } from './item.js';
import type { Random } from './random.js';

/** Framing that is wrong: it ends its own connection, and nothing else. */
export function brokenFraming(random: Random): Item {
  const { name, bytes, resets } = framing(random);
  const cut = random.chance(0.3) ? random.below(bytes.length) : 0;
  return {
    name: `framing: ${name}`,
    count: 1,
    run: async (host) => {
      const socket = await tcp(host, upgrade(`/app/${host.app.key}?protocol=7`));
      await once(socket, 'data');
      const closed = once(socket, 'close');
      socket.resume();
      if (cut > 0) socket.write(bytes.subarray(0, cut));
      await nextTurn();
      socket.write(bytes.subarray(cut));
      if (resets) reset(socket);
      await closed;
    },
  };
}

interface Framing {
  readonly name: string;
  readonly bytes: Buffer;
  /** Whether the client breaks off; else it is for the server to end the connection. */
  readonly resets?: boolean;
}

function framing(random: Random): Framing {
  const content = random.bytes(1 + random.below(100));
  const text = Buffer.from('{"event":"pusher:ping","data":{}}');
  const makers: readonly (() => Framing)[] = [
    () => ({ name: 'no mask', bytes: Buffer.concat([Buffer.from([0x81, text.length]), text]) }),
    () => ({ name: 'reserved bits', bytes: wsFrame(0x81 | random.of([0x10, 0x20, 0x40, 0x70]), text) }),
    () => ({
      name: 'reserved opcode',
      bytes: wsFrame(0x80 | random.of([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), text),
    }),
    () => ({ name: 'a continuation of nothing', bytes: wsFrame(random.of([0x00, 0x80]), text) }),
    () => ({
      name: 'a message inside a message',
      bytes: Buffer.concat([wsFrame(0x01, text), wsFrame(random.of([0x81, 0x82, 0x01, 0x02]), text)]),
    }),
    () => ({ name: 'a control frame in pieces', bytes: wsFrame(random.of([0x08, 0x09, 0x0a]), content) }),
    () => ({
      name: 'a long control frame',
      bytes: wsFrame(random.of([0x88, 0x89, 0x8a]), Buffer.alloc(126 + random.below(500), 0x61)),
    }),
    () => ({ name: 'a close of one byte', bytes: wsFrame(0x88, Buffer.from([3])) }),
    () => ({
      name: 'a close with a code that is none',
      bytes: wsFrame(
        0x88,
        closePayload(random.of([0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])),
      ),
    }),
    () => ({
      name: 'a close with a reason that is no UTF-8',
      bytes: wsFrame(0x88, Buffer.concat([closePayload(1000), Buffer.from([0xff, 0xfe])])),
    }),
    () => ({
      name: 'a good close and more after it',
      bytes: Buffer.concat([
        wsFrame(0x88, closePayload(4000 + random.below(1000))),
        wsFrame(0x81, text),
        content,
      ]),
    }),
    () => ({
      name: 'text that is no UTF-8',
      bytes: wsFrame(
        0x81,
        random.of([
          Buffer.from([0xff]),
          Buffer.from([0xc0, 0x80]),
          Buffer.from([0xed, 0xa0, 0x80]),
          Buffer.from([0xf4, 0x90, 0x80, 0x80]),
          Buffer.from([0xe2, 0x82]),
          Buffer.concat([text, Buffer.from([0x80])]),
        ]),
      ),
    }),
    () => ({
      name: 'a length over the limit',
      bytes: header(0x81, random.of([65_537n, 1n << 20n, 1n << 31n, 1n << 53n, (1n << 63n) - 1n, 1n << 63n])),
    }),
    () => ({
      name: 'too much in pieces',
      bytes: Buffer.concat([
        wsFrame(0x01, Buffer.alloc(40_000, 0x61)),
        wsFrame(0x00, Buffer.alloc(25_537, 0x61)),
      ]),
    }),
    () => ({ name: 'garbage', bytes: Buffer.concat([Buffer.from([0xff]), content]) }),
    () => ({ name: 'an HTTP request', bytes: Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n') }),
    () => ({
      name: 'half a frame',
      bytes: wsFrame(0x81, text).subarray(0, 1 + random.below(20)),
      resets: true,
    }),
    () => ({ name: 'nothing', bytes: Buffer.alloc(0), resets: true }),
  ];
  return random.of(makers)();
}

function closePayload(code: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return payload;
}

/** A masked frame, its first byte as given. The mask is all zeros, which hides nothing and is allowed. */
function wsFrame(first: number, payload: Buffer): Buffer {
  return Buffer.concat([header(first, BigInt(payload.length)), payload]);
}

function header(first: number, length: bigint): Buffer {
  const mask = Buffer.alloc(4);
  if (length < 126n) return Buffer.concat([Buffer.from([first, 0x80 | Number(length)]), mask]);
  if (length < 65_536n) {
    const short = Buffer.from([first, 0x80 | 126, 0, 0]);
    short.writeUInt16BE(Number(length), 2);
    return Buffer.concat([short, mask]);
  }
  const long = Buffer.concat([Buffer.from([first, 0x80 | 127]), Buffer.alloc(8)]);
  long.writeBigUInt64BE(length, 2);
  return Buffer.concat([long, mask]);
}
