import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Host } from '../../../support/host.js';
import { channelAuth, userAuth } from '../../../support/signing.js';
import { onTeardown } from '../../../support/teardown.js';
import type { Item } from './item.js';
import { mutated, nested, object, value } from './json-texts.js';
import { Random } from './random.js';

/** Messages that no client of good will sends: the connection stays, and answers a ping after them. */
export function brokenMessages(random: Random, count: number): Item {
  const makers = Array.from({ length: count }, () => message(random));
  const pieces = makers.map(() => random.chance(0.15));
  return {
    name: `${count} messages`,
    count,
    run: async (host) => {
      const socket = new WebSocket(`ws://127.0.0.1:${host.port}/app/${host.app.key}?protocol=7&client=fuzz`);
      onTeardown(() => {
        socket.terminate();
      });
      const closed = once(socket, 'close').then(([code]) => {
        throw new Error(`closed with ${String(code)} after ${makers.map((make) => shown(make)).join('\n')}`);
      });
      closed.catch(() => undefined);
      const [greeting] = (await Promise.race([once(socket, 'message'), closed])) as [Buffer];
      const { data } = JSON.parse(greeting.toString()) as { data: string };
      const { socket_id: socketId } = JSON.parse(data) as { socket_id: string };
      // Every answer is a message of the protocol; ws closes the connection when it is no UTF-8.
      socket.on('message', (answer: Buffer) => {
        const { event } = JSON.parse(answer.toString()) as { event: unknown };
        if (typeof event !== 'string') throw new Error(`no message: ${answer.toString()}`);
      });
      for (const [index, make] of makers.entries()) {
        const sent = make(socketId, host);
        if (pieces[index] === true) inPieces(socket, sent);
        else socket.send(sent);
      }
      const pong = once(socket, 'pong');
      socket.ping('done');
      await Promise.race([pong, closed]);
      socket.terminate();
    },
  };

  function shown(make: MakeMessage): string {
    const sent = make('1.1', undefined);
    return JSON.stringify(sent.toString()).slice(0, 200);
  }
}

function inPieces(socket: WebSocket, sent: string | Buffer): void {
  const bytes = Buffer.from(sent);
  const binary = typeof sent !== 'string';
  const third = Math.floor(bytes.length / 3);
  socket.send(bytes.subarray(0, third), { fin: false, binary });
  socket.ping('between');
  socket.send(bytes.subarray(third, 2 * third), { fin: false, binary });
  socket.send(bytes.subarray(2 * third), { fin: true, binary });
}

/** Makes a message for the connection with this id. Signatures need the host's secret; without a host they are missing. */
type MakeMessage = (socketId: string, host: Host | undefined) => string | Buffer;

const FRAME_BYTES = 65_536;

function message(random: Random): MakeMessage {
  const make = anyMessage(random);
  return (socketId, host) => {
    const sent = make(socketId, host);
    // A longer one would end the connection, which is another item's business.
    return Buffer.byteLength(sent) <= FRAME_BYTES ? sent : sent.slice(0, 10_000);
  };
}

function anyMessage(random: Random): MakeMessage {
  switch (random.below(12)) {
    case 0: {
      const bytes = random.bytes(random.below(300));
      return () => bytes;
    }
    case 1: {
      const text = random.text(random.below(300));
      return () => text;
    }
    case 2: {
      const deep = nested(random);
      return () => deep;
    }
    case 3: {
      const [outer, inner] = [object(random, 3), eventText(random)];
      return () => `{"__proto__":${outer},"constructor":{"prototype":${outer}},"event":${inner}}`;
    }
    case 4: {
      const [first, second, data] = [eventText(random), eventText(random), value(random, 3)];
      return () => `{"event":${first},"data":${data},"event":${second},"data":${value(new Random(1), 1)}}`;
    }
    case 5: {
      const text = mutated(random, structured(random));
      return () => text;
    }
    case 6:
    case 7:
      return signed(random);
    default: {
      const text = structured(random);
      return () => text;
    }
  }
}

const EVENTS = [
  'switchboard:ask',
  'switchboard:send',
  'switchboard:answer',
  'pusher:subscribe',
  'pusher:unsubscribe',
  'pusher:signin',
  'pusher:ping',
  'pusher:pong',
  'pusher:unknown',
  'pusher_internal:subscription_succeeded',
  'pusher_internal:member_added',
  'pusher:connection_established',
  'client-x',
  'client-ping',
  'tick',
];

export const CHANNELS = [
  'orders',
  'cache-orders',
  'private-orders',
  'private-cache-orders',
  'private-encrypted-orders',
  'presence-room',
  'presence-cache-room',
  'private-bystander',
  'presence-bystander',
  'orders-bystander ',
  '#server-to-user-bystander',
  '#server-to-user-',
  'private-',
  'presence-',
  'cache-',
  '__proto__',
  'constructor',
  'x'.repeat(165),
];

const eventText = (random: Random) =>
  random.chance(0.8) ? JSON.stringify(random.of(EVENTS)) : value(random, 2);
const channelText = (random: Random) =>
  random.chance(0.8) ? JSON.stringify(random.of(CHANNELS)) : value(random, 2);

/** A message that looks right, with anything in any of its fields. */
function structured(random: Random): string {
  const fields = [`"event":${eventText(random)}`];
  if (random.chance(0.8)) fields.push(`"data":${data(random)}`);
  if (random.chance(0.4)) fields.push(`"channel":${channelText(random)}`);
  if (random.chance(0.2)) fields.push(`"user_id":${value(random, 2)}`);
  if (random.chance(0.1)) fields.push(`"socket_id":${value(random, 2)}`);
  return `{${random.shuffled(fields).join(',')}}`;
}

function data(random: Random): string {
  if (random.chance(0.2)) return value(random, 4);
  const fields: string[] = [];
  const add = (name: string, probability: number, make: () => string) => {
    if (random.chance(probability)) fields.push(`${JSON.stringify(name)}:${make()}`);
  };
  add('channel', 0.9, () => channelText(random));
  add('auth', 0.6, () => (random.chance(0.5) ? JSON.stringify(fakeAuth(random)) : value(random, 2)));
  add('channel_data', 0.4, () => (random.chance(0.5) ? JSON.stringify(object(random, 2)) : value(random, 2)));
  add('user_data', 0.4, () => (random.chance(0.5) ? JSON.stringify(object(random, 2)) : value(random, 2)));
  add('__proto__', 0.1, () => object(random, 2));
  const text = `{${fields.join(',')}}`;
  return random.chance(0.2) ? JSON.stringify(text) : text;
}

const fakeAuth = (random: Random) =>
  random.of([
    'switchboard-key:',
    `switchboard-key:${'0'.repeat(64)}`,
    ':',
    '',
    'x',
    `switchboard-key:${'é'.repeat(32)}`,
  ]);

/** Good signatures over hostile data: what a backend with a fault would hand out. */
function signed(random: Random): MakeMessage {
  const id = random.chance(0.6) ? JSON.stringify(`fuzz-${random.below(50)}`) : value(random, 1);
  const info = random.chance(0.1) ? nested(random) : value(random, 3);
  const channel = random.of(['private-fuzz', 'private-cache-fuzz', 'presence-fuzz', 'presence-cache-fuzz']);
  const watchlist = random.chance(0.3) ? value(random, 3) : JSON.stringify(['bystander', 'fuzz-1', 7]);
  const [kind, withData] = [random.below(3), random.chance(0.7)];
  return (socketId, host) => {
    const app = host?.app ?? { id: '', key: '', secret: '' };
    if (kind === 0) {
      const userData = `{"id":${id},"user_info":${info},"watchlist":${watchlist}}`;
      return JSON.stringify({ event: 'pusher:signin', data: userAuth(app, socketId, userData) });
    }
    if (kind === 1) {
      const channelData = withData ? `{"user_id":${id},"user_info":${info}}` : undefined;
      return JSON.stringify({
        event: 'pusher:subscribe',
        data: { channel, ...channelAuth(app, socketId, channel, channelData) },
      });
    }
    // To those of the attack who are there; whoever is not subscribed is refused.
    return `{"event":"client-x","channel":${JSON.stringify(channel)},"data":${info}}`;
  };
}
