// One node: a minimal Nest application with SocketModule and nothing else. Forked by cluster.js, which asks it over IPC.
import 'reflect-metadata';
import diagnostics from 'node:diagnostics_channel';
import { createServer } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { EVENT, payloadOf } from './events.js';
import { serve } from './rpc.js';

const { BENCH_BUILD = '', ...env } = process.env;

/** Every connection that this process opened to its Redis: it opens no other ones. @type {Set<import('node:net').Socket>} */
const links = new Set();
const past = { read: 0, written: 0 };
diagnostics.subscribe('net.client.socket', (message) => {
  const { socket } = /** @type {{ socket: import('node:net').Socket }} */ (message);
  links.add(socket);
  socket.once('close', () => {
    links.delete(socket);
    past.read += socket.bytesRead;
    past.written += socket.bytesWritten;
  });
});

const { SocketModule, SocketService } = await import(BENCH_BUILD);
// Nobody asks it to sign: the load generator does that for itself.
const host = SocketModule.forRoot({ env, identify: () => null });
const app = await NestFactory.create(host, { logger: ['error'], abortOnError: false });
await app.listen(0, '127.0.0.1');
/** @type {import('nestjs-switchboard').SocketService} */
const service = app.get(SocketService);

/** The sequence number of the last event that was published. */
let published = 0;
let padding = 0;
let failure = '';

// The load generator asks for the next broadcast with one byte: the cheapest way to tell that the last one has arrived.
const control = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on('data', (bytes) => {
    for (let count = 0; count < bytes.length; count++) {
      void service.broadcast(EVENT, payloadOf(++published, padding)).then(checked);
    }
  });
  socket.on('error', () => undefined);
});
await new Promise((resolve) => control.listen(0, '127.0.0.1', () => resolve(undefined)));

/** @param {{ status: string }} receipt */
function checked({ status }) {
  if (status !== 'sent') failure = `event ${published} was lost on its way out`;
}

serve({
  /** What the operating system and the connections to Redis have counted so far. */
  usage: () => {
    const { user, system } = process.cpuUsage();
    const usage = { cpuUs: user + system, redisRead: past.read, redisWritten: past.written };
    for (const socket of links) {
      usage.redisRead += socket.bytesRead;
      usage.redisWritten += socket.bytesWritten;
    }
    return usage;
  },
  /** Begins to count events anew. */
  prepare: ({ padding: wanted }) => {
    published = 0;
    padding = wanted;
  },
  /** Relays to a member, so many at a time, each until Redis has taken it. */
  relay: async ({ memberId, total, inFlight }) => {
    const relayInTurn = async () => {
      while (published < total)
        checked(await service.relayToMember(memberId, EVENT, payloadOf(++published, padding)));
    };
    await Promise.all(Array.from({ length: inFlight }, relayInTurn));
  },
  /** Relays one event to each of these channels. */
  relayToChannels: async ({ channels }) => {
    for (const channel of channels) {
      checked(await service.relayToChannel(channel, EVENT, payloadOf(++published, padding)));
    }
  },
  /** Throws when something of what was published did not get away. */
  verify: () => {
    if (failure !== '') throw new Error(failure);
  },
  health: () => service.health(),
});

const { port } = /** @type {import('node:net').AddressInfo} */ (app.getHttpServer().address());
const address = /** @type {import('node:net').AddressInfo} */ (control.address());
process.send?.({ url: `ws://127.0.0.1:${port}`, controlPort: address.port });
