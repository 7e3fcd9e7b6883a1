import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SocketService } from 'nestjs-switchboard';
import { EventQueue } from '../support/event-queue.js';
import { type Host, startHost } from '../support/hosts.js';
import { Line } from '../support/line.js';
import type { Pusher } from '../support/pusher-browser.js';
import { onTeardown } from '../support/teardown.js';
import { changedConfigOf, connected, dropConnectionOf, frontOf, nextSignin } from './backends.js';

const ALICE = { 'x-member': 'alice' };
/** `pusher-js` alone would try a second time 15 seconds after the first. */
const SOON_MS = 7_000;

const portOf = ({ url }: Host) => Number(new URL(url).port);

/** A page whose way to the gateway can be cut. */
async function pageBehindLine() {
  const host = await startHost({ provider: 'ws' });
  const line = await Line.open(portOf(host));
  const url = await changedConfigOf(host, ({ options, ...rest }) => ({
    ...rest,
    options: { ...options, wsPort: line.port },
  }));
  const socket = await connected({ url, headers: ALICE });
  return { host, line, socket, connection: socket.pusher.connection };
}

function goes(connection: Pusher['connection'], state: string): Promise<void> {
  return new Promise((resolve) => {
    connection.bind(state, () => {
      resolve();
    });
  });
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('a page is back soon after a gateway that could not be reached for a while', async () => {
  const { host, line, connection, socket } = await pageBehindLine();
  const heard = new EventQueue<object>();
  socket.onMember('ANNOUNCED', (payload) => {
    heard.push(payload);
  });
  line.cut();
  await goes(connection, 'connecting');
  await pause(3_000);
  const signedIn = nextSignin(socket.pusher);
  line.mend();
  const mendedAt = Date.now();
  await goes(connection, 'connected');
  expect(Date.now() - mendedAt).toBeLessThan(SOON_MS);
  await signedIn;
  await host.app.get(SocketService).relayToMember('alice', 'ANNOUNCED', { message: 'again' });
  expect(await heard.next()).toEqual({ message: 'again' });
}, 30_000);

test('a page is back soon after a gateway that refused upgrades, and sees no state but that it connects', async () => {
  const { host, line, connection } = await pageBehindLine();
  const draining = createServer().listen(0, '127.0.0.1');
  let refused = 0;
  draining.on('upgrade', (_, socket) => {
    refused += 1;
    socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n');
  });
  onTeardown(() => draining.close());
  await once(draining, 'listening');
  const states: string[] = [];
  connection.bind('state_change', ({ current }: { current: string }) => states.push(current));
  line.leadTo((draining.address() as AddressInfo).port);
  line.cut();
  line.mend();
  while (refused < 2) await once(draining, 'upgrade');
  line.leadTo(portOf(host));
  const backAt = Date.now();
  await goes(connection, 'connected');
  expect(Date.now() - backAt).toBeLessThan(SOON_MS);
  expect(states).toEqual(['connecting', 'connected']);
}, 30_000);

test('a page that leaves within the second after a restart began is not connected again', async () => {
  const host = await startHost({ provider: 'ws' });
  const socket = await connected({ url: host.url, headers: ALICE });
  const { connection } = socket.pusher;
  const closed = goes(connection, 'error');
  const ended = host.close();
  // In the same turn pusher-js starts the timers of its next try.
  await closed;
  socket.disconnect();
  const states: string[] = [];
  connection.bind('state_change', ({ current }: { current: string }) => states.push(current));
  await Promise.all([ended, pause(1_500)]);
  expect(states).toEqual([]);
});

test('a member is signed in again although the backend could not answer at once after the reconnect', async () => {
  const host = await startHost({ provider: 'ws' });
  let failures = 0;
  const url = await frontOf(host, ({ url: path }, response) => {
    if (path !== '/socket/user-auth' || failures === 0) return false;
    failures -= 1;
    response.writeHead(503).end();
    return true;
  });
  const socket = await connected({ url, headers: ALICE });
  failures = 2;
  const signedIn = nextSignin(socket.pusher);
  dropConnectionOf(socket.pusher);
  await signedIn;
  expect(failures).toBe(0);
  expect(await host.app.get(SocketService).onlineMembers(['alice'])).toEqual(new Set(['alice']));
});
