import { createHash, createHmac, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { AuthorizeChannel, type ChannelAuthorizer } from 'nestjs-switchboard';
import { Host } from '../../support/host.js';
import { logged } from '../../support/hosts.js';
import { plainPusher } from '../../support/plain-pusher.js';
import { subscribed } from '../../support/pusher-browser.js';
import { hearing } from '../../support/pusher-events.js';
import { authFor, channelAuth, userAuth } from '../../support/signing.js';
import { onTeardown } from '../../support/teardown.js';
import { reset } from '../../support/reset.js';

// A gateway with everything switched on, and 10,000 things that no client of good will would send. What a seed makes is
// always the same; only who comes first is up to the network. FUZZ_SEED=… runs a seed again.

const SEED = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31));
/** What is sent, and in how many lanes at once. */
const ITEMS = 10_000;
const LANES = 16;
/** After so many the bystanders have to be served. */
const CHECK_EVERY = 250;
/** Nothing that is sent may be left without the reaction that is due. */
const STUCK_AFTER_MS = 50_000;

@AuthorizeChannel('presence-room.{room}')
class RoomChannel implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}

describe('A gateway under hostile traffic (3, 3.17)', () => {
  test(`neither crashes nor leaks, and serves everybody else, through ${ITEMS} frames and requests: FUZZ_SEED=${SEED}`, async () => {
    const errors = logged('error');
    const host = await start();
    const bystanders = await bystandersOn(host);
    const { engines } = host;
    const { connections, channels } = engines;
    const names = await engines.occupied();
    const sockets = new Set<Socket>();
    host.topology.onConnection((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });

    await attack(host, bystanders.areServed);

    // Everything of the attack has been let go of.
    const isLeft = () => engines.connections > connections || engines.channels > channels || sockets.size > 0;
    while (isLeft()) await nextTurn();
    expect(engines.connections).toBe(connections);
    expect(await engines.occupied()).toEqual(names);
    expect(engines.channels).toBe(channels);
    await bystanders.areServed();
    bystanders.haveHeardNothingElse();
    // Nothing a client sends is an error of the server's.
    expect(errors.lines).toEqual([]);
  }, 60_000);

  test('is no error of its own when somebody is present by a signin whose user_info nests 7,000 levels deep (3.5)', async () => {
    const errors = logged('error');
    const host = await start();
    const client = host.raw();
    const socketId = await client.greeted();
    const info = '['.repeat(7_000) + ']'.repeat(7_000);
    client.say('pusher:signin', userAuth(host.app, socketId, `{"id":"ann","user_info":${info}}`));
    expect(await client.next()).toMatchObject({ event: 'pusher:signin_success' });
    client.say('pusher:subscribe', {
      channel: 'presence-room.1',
      ...channelAuth(host.app, socketId, 'presence-room.1'),
    });
    expect(await client.next()).toMatchObject({ event: 'pusher:error', data: { code: 4009 } });
    await client.isAnswered();
    expect(errors.lines).toEqual([]);
  });

  test('lets go of a refused upgrade although its client never ends its own side of the connection', async () => {
    const host = await start();
    const accepted = new Promise<Socket>((resolve) => {
      host.topology.onConnection(resolve);
    });
    const client = connectTcp({ port: host.port, host: '127.0.0.1', allowHalfOpen: true });
    onTeardown(() => client.destroy());
    client.write(upgrade('/app/switchboard-key?protocol=7', ['Origin: https://evil.example']));
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 403 /);
    const socket = await accepted;
    if (!socket.destroyed) await once(socket, 'close');
    expect(await openSockets(host)).toBe(0);
  });
});

const start = () =>
  Host.start({
    encryptionMasterKey: Buffer.alloc(32, 7).toString('base64'),
    httpApi: { enabled: true },
    gateway: {
      clientEvents: true,
      subscriptionCount: true,
      presenceGraceMs: 0,
      allowedOrigins: ['https://app.example.com', 'https://*.example.org'],
      // The bystanders speak as often as the attack lets them.
      limits: { clientEventsPerSecond: 0 },
    },
    providers: [RoomChannel],
  });

const openSockets = async (host: Host) => {
  const counts = host.topology.servers.map(
    (server) =>
      new Promise<number>((resolve, reject) => {
        server.getConnections((error, count) => {
          if (error) reject(error);
          else resolve(count);
        });
      }),
  );
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
};

/** Members who want nothing but to be served, and to hear what is meant for them. */
async function bystandersOn(host: Host) {
  const pusher = plainPusher(host, { userData: { id: 'bystander' }, channelData: { user_id: 'bystander' } });
  const desk = pusher.subscribe('private-bystander');
  const room = pusher.subscribe('presence-bystander');
  await pusher.user.signinDonePromise;
  await Promise.all([subscribed(desk), subscribed(room), subscribed(pusher.subscribe('orders-bystander'))]);
  const raw = host.raw();
  const socketId = await raw.greeted();
  raw.say('pusher:subscribe', {
    channel: 'private-bystander',
    ...channelAuth(host.app, socketId, 'private-bystander'),
  });
  // The answer, and the count that is told to those who were there first.
  for (let i = 0; i < 2; i++) expect(await raw.next()).toMatchObject({ channel: 'private-bystander' });
  await raw.isAnswered();
  const told = hearing(pusher.connection, 'message');
  const whispers = hearing(desk, 'client-ping');
  let round = 0;
  const expected: unknown[] = [];
  return {
    areServed: async () => {
      const data = ++round;
      await host.runtime.client.relayToChannel('private-bystander', 'tick', data);
      await host.runtime.client.relayToMember('bystander', 'tick', data);
      expect(await raw.next()).toEqual({ event: 'tick', channel: 'private-bystander', data: String(data) });
      raw.say('client-ping', data, 'private-bystander');
      // Fails at once when the event was refused.
      await raw.isAnswered();
      expect((await whispers.next()).data).toBe(data);
      expected.push(
        { event: 'tick', channel: 'private-bystander', data },
        { event: 'tick', channel: '#server-to-user-bystander', data },
        { event: 'client-ping', channel: 'private-bystander', data },
      );
    },
    haveHeardNothingElse: () => {
      const frames = told.untaken.map(({ data }) => data as { event: string });
      // What pusher-js and the gateway say to each other when it is quiet.
      expect(frames.filter(({ event }) => !/^pusher:p[io]ng$/.test(event))).toEqual(expected);
    },
  };
}

/** Sends everything, in lanes; what is left of it hangs in `inFlight`, for the failure's message. */
async function attack(host: Host, check: () => Promise<void>): Promise<void> {
  const random = new Random(SEED);
  const inFlight = new Map<number, string>();
  let [done, next] = [0, 0];
  let checking = Promise.resolve();
  const lane = async () => {
    while (next < ITEMS) {
      const number = next;
      // Made in order, so that a seed makes the same items whatever lane is free.
      const item = makeItem(random, Math.min(20, ITEMS - next));
      next += item.count;
      inFlight.set(number, item.name);
      try {
        await item.run(host);
      } catch (cause) {
        throw new Error(`FUZZ_SEED=${SEED}, item ${number}, ${item.name}`, { cause });
      }
      inFlight.delete(number);
      const was = done;
      done += item.count;
      if (Math.floor(was / CHECK_EVERY) !== Math.floor(done / CHECK_EVERY)) checking = checking.then(check);
      await checking;
    }
  };
  const { promise: stuck, reject } = withRejection();
  const watchdog = setTimeout(() => {
    reject(new Error(`FUZZ_SEED=${SEED}, never answered: ${[...inFlight.values()].join('; ')}`));
  }, STUCK_AFTER_MS);
  try {
    await Promise.race([Promise.all(Array.from({ length: LANES }, lane)), stuck]);
  } finally {
    clearTimeout(watchdog);
  }
  expect(done).toBe(ITEMS);
}

function withRejection() {
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<never>((_, refuse) => {
    reject = refuse;
  });
  return { promise, reject };
}

/** Some hostile traffic on one connection. */
interface Item {
  readonly name: string;
  /** How many frames or requests it is. */
  readonly count: number;
  run(host: Host): Promise<void>;
}

function makeItem(random: Random, most: number): Item {
  const kind = random.below(100);
  // Most frames go to connections that stay; the others end their own connection, one each.
  if (kind < 30) return brokenMessages(random, 1 + random.below(most));
  if (kind < 55) return brokenFraming(random);
  if (kind < 75) return brokenUpgrade(random);
  return kind < 90 ? brokenRequest(random) : signedRequest(random);
}

// ---- messages: the connection stays, and answers a ping after them ---------------------------------------------------

function brokenMessages(random: Random, count: number): Item {
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
      // Whatever is answered is a message of the protocol; ws closes the connection when it is no UTF-8.
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

const CHANNELS = [
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

const SCALARS = [
  'null',
  'true',
  'false',
  '0',
  '-0',
  '1e308',
  '1e999',
  '-1e999',
  '5e-324',
  '9007199254740993',
  '1'.repeat(400),
  '""',
  '" "',
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"💬"',
  '"\\u202e\\u2028"',
  '"1.1"',
  '"../../etc"',
  '"a\\r\\nb"',
  '[]',
  '{}',
];

/** JSON text of anything. */
function value(random: Random, depth: number): string {
  const kind = random.below(depth > 0 ? 10 : 7);
  if (kind < 5) return random.of(SCALARS);
  if (kind === 5) return JSON.stringify(random.text(random.below(40)));
  if (kind === 6) return JSON.stringify('x'.repeat(random.of([128, 129, 164, 165, 200, 201, 1_025, 10_241])));
  if (kind === 7)
    return `[${Array.from({ length: random.below(5) }, () => value(random, depth - 1)).join(',')}]`;
  return object(random, depth);
}

function object(random: Random, depth: number): string {
  const names = [
    '__proto__',
    'constructor',
    'id',
    'user_id',
    'user_info',
    'toJSON',
    'then',
    'length',
    '',
    'a',
  ];
  const fields = Array.from(
    { length: random.below(5) },
    () => `${JSON.stringify(random.of(names))}:${value(random, depth - 1)}`,
  );
  return `{${fields.join(',')}}`;
}

/** As deep as a message can be, closed again or not. */
function nested(random: Random): string {
  const [open, close] = random.of([
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"__proto__":', '}]'],
  ] as const);
  const depth = random.of([10, 500, 3_000, 7_000]);
  return open.repeat(depth) + '1' + (random.chance(0.8) ? close.repeat(depth) : '');
}

function mutated(random: Random, text: string): string {
  let mutant = text;
  for (let i = 0; i <= random.below(4); i++) {
    const at = random.below(mutant.length + 1);
    const inserted = random.of([
      '',
      '"',
      '{',
      '}',
      '[',
      ',',
      ':',
      '\\',
      '\u0000',
      '\ufeff',
      'e',
      '-',
      '\ud83d',
    ]);
    mutant = mutant.slice(0, at) + inserted + mutant.slice(at + random.below(3));
  }
  return mutant;
}

// ---- framing: only the connection itself ends ------------------------------------------------------------------------

function brokenFraming(random: Random): Item {
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

// ---- upgrades and requests: answered, or ended; never an error of the server's ---------------------------------------

function brokenUpgrade(random: Random): Item {
  const path = random.chance(0.6) ? `/app/switchboard-key?protocol=7` : target(random);
  const headers = new Map([
    ['Host', 'localhost'],
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ]);
  for (let i = 0; i <= random.below(3); i++) {
    const name = random.of([
      ...headers.keys(),
      'Origin',
      'Sec-WebSocket-Extensions',
      'Sec-WebSocket-Protocol',
      'Cookie',
    ]);
    if (random.chance(0.25)) headers.delete(name);
    else headers.set(name, headerValue(random));
  }
  const lines = [...headers].map(([name, text]) => `${name}: ${text}`);
  if (random.chance(0.1)) lines.push(...lines.slice(1, 3));
  if (random.chance(0.1)) lines.push(`X-Long: ${'x'.repeat(random.of([1_000, 15_000, 20_000, 70_000]))}`);
  if (random.chance(0.05)) lines.push('Content-Length: 5', '', 'hello');
  const method = random.chance(0.9) ? 'GET' : random.of(['POST', 'HEAD', 'OPTIONS', 'PUT', 'get', 'FOO']);
  const version = random.chance(0.95) ? '1.1' : random.of(['1.0', '2.0', '9.9', '1.1.1', '']);
  const text = `${method} ${path} HTTP/${version}\r\n${lines.join('\r\n')}\r\n\r\n`;
  const after = random.chance(0.3)
    ? random.of([
        Buffer.alloc(100, 0xff),
        random.bytes(200),
        Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      ])
    : Buffer.alloc(0);
  const bytes = Buffer.concat([Buffer.from(text, 'latin1'), after]);
  if (random.chance(0.1))
    return exchange('half an upgrade', bytes.subarray(0, random.below(text.length)), true);
  return exchange(`upgrade ${JSON.stringify(text.slice(0, 300))}`, bytes, false);
}

function brokenRequest(random: Random): Item {
  const posted = random.of([
    '/socket/auth',
    '/socket/user-auth',
    '/apps/switchboard/events',
    '/apps/switchboard/batch_events',
  ]);
  const path = random.chance(0.6) ? posted : target(random);
  const type = random.of([
    'application/x-www-form-urlencoded',
    'application/json',
    'application/json; charset=utf-7',
    'application/json; charset="',
    'text/plain',
    'multipart/form-data',
    '*/*',
    '',
  ]);
  const body = requestBody(random);
  const lines = ['Host: localhost', `Content-Type: ${type}`, `Content-Length: ${body.length}`];
  if (random.chance(0.5)) lines.push('x-member: ada');
  if (random.chance(0.1))
    lines.push(`Content-Encoding: ${random.of(['gzip', 'br', 'deflate', 'x', 'gzip, gzip'])}`);
  if (random.chance(0.1)) lines.push(`Transfer-Encoding: ${random.of(['chunked', 'gzip', 'x'])}`);
  if (random.chance(0.1))
    lines.push(`${random.of(['Host', 'Cookie', 'Expect', 'X-Forwarded-Host'])}: ${headerValue(random)}`);
  if (random.chance(0.1))
    lines.push('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__');
  if (random.chance(0.05)) lines.push(`X-Long: ${'x'.repeat(random.of([1_000, 15_000, 20_000]))}`);
  const method = random.of([
    'POST',
    'POST',
    'POST',
    'GET',
    'PUT',
    'DELETE',
    'OPTIONS',
    'HEAD',
    'TRACE',
    'FOO',
  ]);
  const text = `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
  const bytes = Buffer.concat([Buffer.from(text, 'latin1'), body]);
  // A body that never comes is waited for: then it is for the client to break off.
  const waits = /Transfer-Encoding|Expect/.test(text);
  return exchange(`request ${JSON.stringify(text.slice(0, 300))}`, bytes, waits || random.chance(0.05));
}

/** A request to the HTTP API that is believed, and says what no SDK would. */
function signedRequest(random: Random): Item {
  const fields = [`"data":${random.chance(0.85) ? '"{}"' : value(random, 2)}`];
  if (random.chance(0.9)) fields.push(`"name":${random.chance(0.85) ? '"tick"' : value(random, 2)}`);
  if (random.chance(0.9))
    fields.push(`"channel":${random.chance(0.85) ? '"presence-cache-fuzz"' : value(random, 2)}`);
  if (random.chance(0.15))
    fields.push(`"channels":${random.chance(0.85) ? '["cache-fuzz","fuzz"]' : value(random, 3)}`);
  if (random.chance(0.15)) fields.push(`"socket_id":${value(random, 1)}`);
  if (random.chance(0.15))
    fields.push(`"info":${random.chance(0.85) ? '"user_count,cache"' : value(random, 1)}`);
  if (random.chance(0.1)) fields.push(`"__proto__":${object(random, 2)}`);
  const event = random.chance(0.1) ? mutated(random, `{${fields.join(',')}}`) : `{${fields.join(',')}}`;
  const batch = random.chance(0.8) ? `{"batch":[${event},${event}]}` : `{"batch":${value(random, 3)}}`;
  const [path, text] = random.of([
    ['/apps/switchboard/events', event],
    ['/apps/switchboard/events', random.chance(0.5) ? nested(random) : value(random, 3)],
    ['/apps/switchboard/batch_events', batch],
    [
      `/apps/switchboard/users/${encodeURIComponent(Buffer.from(`fuzz-${random.text(3)}`).toString())}/terminate_connections`,
      '{}',
    ],
  ] as const);
  const body = Buffer.from(text);
  return {
    name: `signed ${path} ${JSON.stringify(text.slice(0, 300))}`,
    count: 1,
    run: (host) => {
      const query = [
        `auth_key=${host.app.key}`,
        `auth_timestamp=${Math.floor(Date.now() / 1_000)}`,
        'auth_version=1.0',
        `body_md5=${createHash('md5').update(body).digest('hex')}`,
      ].join('&');
      const signature = createHmac('sha256', host.app.secret).update(`POST\n${path}\n${query}`).digest('hex');
      const head = [
        `POST ${path}?${query}&auth_signature=${signature} HTTP/1.1`,
        'Host: localhost',
        `Content-Length: ${body.length}`,
        '\r\n',
      ].join('\r\n');
      return exchange('', Buffer.concat([Buffer.from(head), body]), false).run(host);
    },
  };
}

/** Sends bytes, takes what is answered, and breaks off; the server may not answer that the fault was its own. */
function exchange(name: string, bytes: Buffer, breaksOff: boolean): Item {
  return {
    name,
    count: 1,
    run: async (host) => {
      const socket = await tcp(host, bytes);
      const closed = once(socket, 'close');
      if (!breaksOff) {
        const answered = once(socket, 'data').catch(() => undefined);
        const answer = await Promise.race([answered, closed.then(() => undefined)]);
        const line = String(answer?.[0] ?? '').split('\r\n', 1)[0] ?? '';
        if (/^HTTP\/1\.1 5/.test(line)) throw new Error(`answered ${line}`);
      }
      socket.destroy();
      await closed;
    },
  };
}

function target(random: Random): string {
  const key = random.of([
    'switchboard-key',
    'nobody',
    '%',
    '%ff',
    '%00',
    '..',
    '%2e%2e%2f',
    '',
    'x'.repeat(8_000),
  ]);
  const query = random.of([
    '',
    '?',
    '?protocol=7',
    '?protocol=7&protocol=8',
    '?protocol[]=7',
    '?protocol=%',
    '?protocol=%ff&version=%00',
    '?__proto__=7',
    `?protocol=7&version=${'9'.repeat(5_000)}`,
    '?auth_key=switchboard-key&auth_signature=0&auth_timestamp=0&auth_version=1.0&body_md5=0',
    `?${'a&'.repeat(5_000)}`,
    '?protocol=7#?protocol=7',
  ]);
  const path = random.of([
    `/app/${key}`,
    `/app/${key}/more`,
    `//app/${key}`,
    `/app//${key}`,
    `/socket/${key}`,
    '/socket/config',
    `/apps/switchboard/${key}`,
    `/apps/switchboard/channels/${key}`,
    `/apps/switchboard/channels/${key}/users`,
    `/apps/switchboard/users/${key}/terminate_connections`,
    `/apps/${key}/events`,
    '/apps/',
    '*',
    'http://localhost/app/switchboard-key',
    `/${random
      .bytes(10)
      .toString('latin1')
      .replace(/[\s\0]/g, '!')}`,
  ]);
  return path + query;
}

function headerValue(random: Random): string {
  return random.of([
    '',
    'x',
    'websocket, h2c',
    'WebSocket',
    'keep-alive, Upgrade',
    '13, 8',
    '-1',
    '99999999999999999999',
    'AAAA',
    'dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==',
    'null',
    'https://app.example.com',
    'https://app.example.com.evil.net',
    `https://${'a.'.repeat(3_000)}example.org`,
    'permessage-deflate; client_max_window_bits=; x="',
    'permessage-deflate; server_max_window_bits=99',
    '\u00ff\u00fe',
    '100-continue',
    '[::1',
    'a:b:c',
  ]);
}

function requestBody(random: Random): Buffer {
  const fields = {
    socket_id: random.of(['1.1', '', 'x', '1.1:private-bystander']),
    channel_name: random.of(CHANNELS),
  };
  switch (random.below(8)) {
    case 0:
      return random.bytes(random.below(500));
    case 1:
      return Buffer.from(nested(random));
    case 2:
      return Buffer.from(object(random, 3));
    case 3:
      return Buffer.from('a[b]=1&'.repeat(random.below(2_000)));
    case 4:
      return Buffer.from(`socket_id=%&channel_name=%ff&__proto__[x]=1&${random.text(50)}`);
    case 5:
      return Buffer.alloc(random.of([0, 1, 101_000, 200_000]), 0x61);
    case 6:
      return Buffer.from(
        JSON.stringify({ ...fields, auth: authFor({ id: '', key: 'a', secret: 'b' }, 'x') }),
      );
    default:
      return Buffer.from(new URLSearchParams(fields).toString());
  }
}

function upgrade(path: string, more: readonly string[] = []): string {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...more,
    '\r\n',
  ].join('\r\n');
}

async function tcp(host: Host, bytes: string | Buffer): Promise<Socket> {
  const socket = connectTcp(host.port, '127.0.0.1');
  onTeardown(() => socket.destroy());
  // What a client breaks off comes back as an error of its own.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
}

// ---- chance ----------------------------------------------------------------------------------------------------------

/** Random numbers that a seed makes again (mulberry32). */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(maximum: number): number {
    return Math.floor(this.next() * maximum);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  of<T>(values: readonly T[]): T {
    const picked = values[this.below(values.length)];
    if (picked === undefined) throw new Error('nothing to choose from');
    return picked;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  /** Any characters, those outside the first plane among them, and halves of them. */
  text(length: number): string {
    return Array.from({ length }, () => String.fromCharCode(this.below(0x10000))).join('');
  }

  shuffled<T>(values: readonly T[]): T[] {
    return values
      .map((item) => ({ item, at: this.next() }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item);
  }
}
