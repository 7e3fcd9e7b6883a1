import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ChannelEngine } from '../../src/channels/channel-engine.js';
import { anError, EngineClient, EngineSession, succeeded } from '../support/engine-session.js';

// One connection that says too much: what is over SOCKET_MAX_MESSAGES_PER_SECOND waits, and nobody else does.

const PONG = expect.objectContaining({ event: 'pusher:pong' }) as unknown;

/** A client whose words can be left unread, as those of a socket can. */
class Talker extends EngineClient {
  /** Whether it was told to wait (`true`) or to go on, in order. */
  readonly pauses: boolean[] = [];
  #saying = 0;

  pause(isPaused: boolean): void {
    this.pauses.push(isPaused);
  }

  pings(count: number): void {
    for (let n = 0; n < count; n++) this.says('pusher:ping');
  }

  /** Says something whose answer tells it from everything else that it says. */
  subscribesToMore(count: number): void {
    for (let n = 0; n < count; n++) this.subscribes(`c${++this.#saying}`);
  }

  /** The answers that it got: the channels it has joined, the codes of errors, `pong`. */
  answers(): unknown[] {
    return this.hears().map(({ event, channel, data }) => {
      return event === 'pusher:error' ? (data as { code: unknown }).code : (channel ?? event);
    });
  }
}

const strict = (messagesPerSecond = 3, more: object = {}) =>
  new EngineSession({ limits: { messagesPerSecond, ...more } });

const talks = ({ engine }: { engine: ChannelEngine }, id = '1.2') => new Talker(engine, id);

test('messages over the limit are told once, and handled a second later, in their order, none of them lost', () => {
  const session = strict();
  const client = talks(session);
  client.subscribesToMore(8);
  expect(client.answers()).toEqual(['c1', 'c2', 'c3', 4301]);
  session.clock.advance(999);
  expect(client.answers()).toEqual([]);
  session.clock.advance(1);
  expect(client.answers()).toEqual(['c4', 'c5', 'c6', 4301]);
  client.subscribesToMore(1);
  session.clock.advance(1_000);
  expect(client.answers()).toEqual(['c7', 'c8', 'c9']);
});

test('nothing more is read from the connection until then', () => {
  const session = strict();
  const client = talks(session);
  client.pings(3);
  expect(client.pauses).toEqual([]);
  client.pings(2);
  expect(client.pauses).toEqual([true]);
  session.clock.advance(1_000);
  expect(client.pauses).toEqual([true, false]);
});

test('as many as are allowed are told nothing, second after second', () => {
  const session = strict();
  const client = talks(session);
  for (let second = 0; second < 5; second++) {
    client.pings(3);
    expect(client.hears()).toEqual([PONG, PONG, PONG]);
    session.clock.advance(1_000);
  }
  expect(client.pauses).toEqual([]);
});

test('it waits for the rest of the second only', () => {
  const session = strict();
  const client = talks(session);
  session.clock.advance(5_000);
  client.pings(3);
  // The first of these begins the second: what is counted is older than that.
  client.pings(1);
  client.hears();
  session.clock.advance(600);
  client.pings(3);
  expect(client.hears()).toEqual([PONG, PONG, anError(4301)]);
  session.clock.advance(399);
  expect(client.hears()).toEqual([]);
  session.clock.advance(1);
  expect(client.hears()).toEqual([PONG]);
});

test.each<[string, (client: Talker) => void]>([
  [
    'malformed',
    (client) => {
      client.sends('{"event":');
    },
  ],
  [
    'unknown',
    (client) => {
      client.says('hello');
    },
  ],
  [
    'a refused client event',
    (client) => {
      client.triggers('private-a', 'client-a');
    },
  ],
  [
    'a refused signin',
    (client) => {
      client.says('pusher:signin', { auth: 'a:b', user_data: '{}' });
    },
  ],
  [
    'an answer to a ping',
    (client) => {
      client.says('pusher:pong');
    },
  ],
])('a message counts when it is %s', (_, says) => {
  const session = strict();
  const client = talks(session);
  for (let n = 0; n < 3; n++) says(client);
  client.hears();
  client.subscribes('orders');
  expect(client.hears()).toEqual([anError(4301)]);
  session.clock.advance(1_000);
  expect(client.hears()).toEqual([succeeded('orders')]);
  expect(session.errors).toEqual([]);
});

test('a message counts when it is binary, and its refusal waits with the others', () => {
  const session = strict(1);
  const client = talks(session);
  for (let n = 0; n < 2; n++) client.sendsBinary();
  expect(client.answers()).toEqual([null, 4301]);
  session.clock.advance(1_000);
  expect(client.answers()).toEqual([null]);
});

test('a long message counts once more for each KiB, and is handled alone when it counts for more than is allowed', () => {
  const session = strict(10);
  const client = talks(session);
  client.sends('x'.repeat(4 * 1_024));
  client.sends('x'.repeat(3 * 1_024));
  expect(client.answers()).toEqual([null, null]);
  client.pings(1);
  expect(client.answers()).toEqual(['pusher:pong']);
  for (let n = 0; n < 3; n++) client.sends('x'.repeat(60 * 1_024));
  client.pings(1);
  expect(client.answers()).toEqual([4301]);
  for (let n = 0; n < 3; n++) {
    session.clock.advance(1_000);
    expect(client.answers()).toEqual([null, 4301]);
  }
  session.clock.advance(1_000);
  expect(client.answers()).toEqual(['pusher:pong']);
});

describe('The messages that were read when a connection has to wait', () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  /** So many messages of no byte are in what Node reads of a socket at once. */
  const MOST = 65_536 / 6;
  const CONNECTIONS = 40;

  test.each<[string, (client: Talker) => void]>([
    [
      'texts',
      (client) => {
        client.sends('{');
      },
    ],
    [
      'binary messages',
      (client) => {
        client.sendsBinary();
      },
    ],
  ])('takes little more memory than on the wire: %s', (_, says) => {
    const session = strict(1);
    const clients = Array.from({ length: CONNECTIONS }, (__, n) => talks(session, `1.${n}`));
    for (const client of clients) for (let n = 0; n < 2; n++) says(client);
    const heapBytes = () => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const before = heapBytes();
    for (const client of clients) for (let n = 0; n < MOST; n++) says(client);
    expect((heapBytes() - before) / CONNECTIONS).toBeLessThan(150_000);
    expect(session.engine.connections).toBe(CONNECTIONS);
  });
});

test('nobody else waits', () => {
  const session = strict();
  const flooding = talks(session);
  const bystander = talks(session, '1.3');
  flooding.pings(100);
  bystander.subscribes('orders');
  expect(bystander.hears()).toEqual([succeeded('orders')]);
});

test('a connection that waits hears what others send', () => {
  const session = strict();
  const client = talks(session);
  client.subscribes('orders');
  client.pings(10);
  client.hears();
  void session.engine.publish('orders', 'created', '1');
  expect(client.hears()).toEqual([{ event: 'created', channel: 'orders', data: 1 }]);
});

test.each<[string, (client: Talker, session: EngineSession) => void]>([
  [
    'lost',
    (client) => {
      client.isLost();
    },
  ],
  ['ended', (_, session) => void session.engine.terminateEverywhere('#server-to-user-ann')],
])('the waiting messages are forgotten when the connection is %s', (_, ends) => {
  const session = strict(2);
  const client = talks(session);
  client.signsIn({ id: 'ann' });
  client.subscribesToMore(5);
  ends(client, session);
  client.hears();
  session.clock.advance(10_000);
  expect(client.hears()).toEqual([]);
  expect([session.engine.connections, session.engine.channels]).toEqual([0, 0]);
  expect(session.clock.timers).toBe(0);
});

test('0 switches the limit off', () => {
  const client = talks(strict(0));
  client.pings(5_000);
  expect(client.hears()).toEqual(Array.from({ length: 5_000 }, () => PONG));
  expect(client.pauses).toEqual([]);
});

test('by default it is 1,000', () => {
  const session = new EngineSession();
  const client = talks(session);
  client.pings(1_001);
  expect(client.hears()).toEqual([...Array.from({ length: 1_000 }, () => PONG), anError(4301)]);
});

test('a connection that cannot pause is not held, as in the fake', () => {
  const client = strict().connects();
  for (let n = 0; n < 10; n++) client.says('pusher:ping');
  expect(client.hears()).toEqual(Array.from({ length: 10 }, () => PONG));
});
