// The lower bound of the cost: `node:net`, a handshake made by hand, and one frame written to every socket. It checks no signature,
// reads no fragments, and has no limits.
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { EVENT, userChannel } from '../support/events.js';
import { portOf, Publisher, serveServer } from '../support/publisher.js';
import { frameOf, PusherServer } from './pusher.js';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 1;
const CLOSE = 8;
const FINAL = 0x80;
const SHORT = 125;

/** @type {PusherServer<import('node:net').Socket>} */
const pusher = new PusherServer(
  () => true,
  (socket, text) => socket.write(frame(TEXT, Buffer.from(text))),
);

const server = createServer({ noDelay: true }, (socket) => {
  /** @type {Buffer} */
  let received = Buffer.alloc(0);
  /** @type {import('./pusher.js').Session<import('node:net').Socket> | undefined} */
  let session;
  socket.on('data', (bytes) => {
    received = received.length === 0 ? bytes : Buffer.concat([received, bytes]);
    if (session === undefined) {
      const end = received.indexOf('\r\n\r\n');
      if (end < 0) return;
      socket.write(switching(received.toString('latin1', 0, end)));
      received = received.subarray(end + 4);
      session = pusher.open(socket);
    }
    for (let message = unmasked(received); message !== undefined; message = unmasked(received)) {
      received = received.subarray(message.end);
      if (message.type === TEXT) pusher.receive(session, message.payload.toString());
      else if (message.type === CLOSE) socket.end(frame(CLOSE, message.payload));
    }
    if (received.length === 0) received = Buffer.alloc(0);
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    if (session !== undefined) pusher.close(session);
  });
});

/** @param {string} head of a request */
function switching(head) {
  const key = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? '';
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

/**
 * @param {number} type
 * @param {Buffer} payload of less than 64 KiB
 */
function frame(type, payload) {
  const { length } = payload;
  const head = length <= SHORT ? [FINAL | type, length] : [FINAL | type, 126, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), payload]);
}

/**
 * The first message in the bytes that a client has sent, if it is complete.
 *
 * @param {Buffer} bytes
 */
function unmasked(bytes) {
  if (bytes.length < 2) return undefined;
  const short = (bytes[1] ?? 0) & 127;
  const at = short === 126 ? 4 : 2;
  if (bytes.length < at) return undefined;
  const length = short === 126 ? bytes.readUInt16BE(2) : short;
  const begin = at + 4;
  const end = begin + length;
  if (bytes.length < end) return undefined;
  const payload = Buffer.from(bytes.subarray(begin, end));
  for (let index = 0; index < length; index++)
    payload[index] = (payload[index] ?? 0) ^ (bytes[at + (index & 3)] ?? 0);
  return { type: (bytes[0] ?? 0) & 15, payload, end };
}

const publisher = new Publisher({
  toChannel: (channel, payload) => {
    const bytes = frame(TEXT, Buffer.from(frameOf(channel, EVENT, JSON.stringify(payload))));
    for (const { socket } of pusher.channels.get(channel) ?? []) socket.write(bytes);
  },
  toMember: (memberId, payload) => {
    const text = frameOf(userChannel(memberId), EVENT, JSON.stringify(payload));
    pusher.members.get(memberId)?.socket.write(frame(TEXT, Buffer.from(text)));
  },
});
await serveServer(publisher, { port: await portOf(server) });
