import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AuthorizeChannel, type ChannelAuthorizer } from 'nestjs-switchboard';
import { Host } from '../../support/host.js';
import { logged } from '../../support/hosts.js';
import { plainPusher } from '../../support/plain-pusher.js';
import { subscribed } from '../../support/pusher-browser.js';
import { hearing } from '../../support/pusher-events.js';
import { channelAuth, userAuth } from '../../support/signing.js';
import { onTeardown } from '../../support/teardown.js';
import { brokenFraming } from './fuzz/framing.js';
import { type Item, upgrade } from './fuzz/item.js';
import { brokenMessages } from './fuzz/messages.js';
import { Random } from './fuzz/random.js';
import { brokenRequest, brokenUpgrade, signedRequest } from './fuzz/requests.js';

// A gateway with everything switched on, and 10,000 things that no client of good will would send. The items of a seed are
// always the same; only who comes first is up to the network. FUZZ_SEED=… runs a seed again.

const SEED = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31));
/** How many items are sent, and in how many lanes at once. */
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
      // The pings of pusher-js and the gateway when it is quiet do not count.
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

function makeItem(random: Random, most: number): Item {
  const kind = random.below(100);
  // Most frames go to connections that stay; the others end their own connection, one each.
  if (kind < 30) return brokenMessages(random, 1 + random.below(most));
  if (kind < 55) return brokenFraming(random);
  if (kind < 75) return brokenUpgrade(random);
  return kind < 90 ? brokenRequest(random) : signedRequest(random);
}
