// One node of a cluster, as a process of its own: an application that is nothing but SocketModule, on the built package.
// Its parent commands it over the IPC channel (./node-protocol.ts) and hears from it what happens. Plain JavaScript, because
// Node runs it as it is.
//
//   node node-process.mjs gateway     listens on a free port of 127.0.0.1
//   node node-process.mjs publisher   has no port: it only publishes

import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AuthorizeChannel, SocketModule, SocketService } from 'nestjs-switchboard';
import { now, startTraffic, watchDrain } from './deploy-watch.mjs';

const CHANNEL_EVENTS = [
  'channel_occupied',
  'channel_vacated',
  'member_added',
  'member_removed',
  'client_event',
  'cache_miss',
  'subscription_count',
];

let isClosing = false;
// Without its parent nobody would ever end it.
process.on('disconnect', () => {
  if (!isClosing) process.exit();
});

/** Admits every member to presence channels. The clients of other tests sign by themselves. */
class Rooms {
  authorize() {
    return true;
  }
}
AuthorizeChannel('presence-{room}')(Rooms);

const root = {
  module: class NodeModule {
    name = 'node';
  },
  imports: [SocketModule.forRoot({ env: process.env, identify })],
  providers: [Rooms],
};
const settings = { logger: ['error', 'warn'], abortOnError: false };
const isGateway = process.argv[2] === 'gateway';
const app = isGateway
  ? await NestFactory.create(root, settings)
  : await NestFactory.createApplicationContext(root, settings);
app.enableShutdownHooks();
const service = app.get(SocketService);
for (const name of CHANNEL_EVENTS) {
  service.onChannelEvent(name, (event) => tell({ heard: { ...event, name }, at: now() }));
}
if (isGateway) await app.listen(0, '127.0.0.1');

watchDrain(tell);
let stopTraffic = () => undefined;

const commands = {
  relayToMember: (...relay) => timed(service.relayToMember(...relay)),
  relayToMembers: (...relay) => timed(service.relayToMembers(...relay)),
  relayToChannel: (...relay) => timed(service.relayToChannel(...relay)),
  broadcast: (...relay) => timed(service.broadcast(...relay)),
  disconnectMember: (memberId) => timed(service.disconnectMember(memberId)),
  onlineMembers: async (memberIds) => [...((await service.onlineMembers(memberIds)) ?? [])].sort(),
  channelMembers: async (channel) => sortedById((await service.channelMembers(channel)) ?? []),
  health: () => service.health(),
  relays: () => service.relays,
  flood,
  startTraffic: (source, members, each) => {
    stopTraffic = startTraffic(service, source, members, each, tell);
  },
  stopTraffic: () => stopTraffic(),
  heapBytes,
  resources: () => process.getActiveResourcesInfo(),
  close: async () => {
    isClosing = true;
    await app.close();
    // After the answer, so that nothing but a leaked handle keeps the process.
    setImmediate(() => process.disconnect());
  },
};

process.on('message', async ({ id, command, args }) => {
  try {
    tell({ id, result: (await commands[command](...args)) ?? null });
  } catch (error) {
    tell({ id, error: `${error.name}: ${error.message}` });
  }
});
tell({ port: isGateway ? app.getHttpServer().address().port : 0 });

/** Callers say who they are in a header. */
function identify({ headers }) {
  const id = headers['x-member'];
  return typeof id === 'string' ? { id, info: { name: id.toUpperCase() } } : null;
}

function sortedById(members) {
  return [...members].sort((one, other) => (one.id < other.id ? -1 : 1));
}

/** The parent may be gone already. */
function tell(message) {
  if (process.connected) process.send(message, () => undefined);
}

/** A receipt as it can travel, and how long it took. */
async function timed(relay) {
  const start = performance.now();
  const { status, error } = await relay;
  return { status, ms: performance.now() - start, ...(error !== undefined && { code: error.code }) };
}

/** Relays a lot, some in every turn, without waiting for what was relayed before. */
async function flood(channel, count, bytes) {
  const text = 'x'.repeat(bytes);
  const receipts = [];
  for (let n = 0; n < count; n++) {
    receipts.push(timed(service.relayToChannel(channel, 'flood', { n, text })));
    if (n % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
  }
  const settled = await Promise.all(receipts);
  return {
    failed: settled.filter(({ status }) => status === 'failed').length,
    slowestMs: Math.max(...settled.map(({ ms }) => ms)),
  };
}

/** The memory that is held after all garbage is gone. */
function heapBytes() {
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
