// One node: a minimal Nest application with SocketModule and nothing else. Forked by cluster.js and server.js.
import 'reflect-metadata';
import diagnostics from 'node:diagnostics_channel';
import { NestFactory } from '@nestjs/core';
import { EVENT } from './events.js';
import { Publisher, serveServer } from './publisher.js';

const { BENCH_BUILD = '', ...env } = process.env;

/** Every connection that this process opened to its Redis: it opens no other ones. @type {Set<import('node:net').Socket>} */
const syncs = new Set();
const past = { read: 0, written: 0 };
diagnostics.subscribe('net.client.socket', (message) => {
  const { socket } = /** @type {{ socket: import('node:net').Socket }} */ (message);
  syncs.add(socket);
  socket.once('close', () => {
    syncs.delete(socket);
    past.read += socket.bytesRead;
    past.written += socket.bytesWritten;
  });
});

const { AuthorizeChannel, SocketModule, SocketService } = await import(BENCH_BUILD);
const isSocketIo = env['SOCKET_PROVIDER'] === 'socket-io';

/** With Pusher's protocol the load generator signs for itself. */
class Everybody {
  authorize() {
    return isSocketIo;
  }
}
AuthorizeChannel('private-{name}')(Everybody);

/** @param {import('nestjs-switchboard').HttpRequest} request */
function identify({ headers }) {
  const [, id] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
  return id === undefined ? null : { id };
}

const host = {
  module: class NodeModule {
    name = 'node';
  },
  imports: [SocketModule.forRoot({ env, identify })],
  providers: [Everybody],
};
const app = await NestFactory.create(host, { logger: ['error'], abortOnError: false });
await app.listen(0, '127.0.0.1');
/** @type {import('nestjs-switchboard').SocketService} */
const service = app.get(SocketService);

let failure = '';

/** @param {{ status: string }} receipt */
function checked({ status }) {
  if (status !== 'sent') failure = `event ${publisher.published} was lost on its way out`;
}

const dialect = isSocketIo ? 'socket-io' : 'pusher';
const publisher = new Publisher(
  {
    toChannel: (channel, payload) => service.relayToChannel(channel, EVENT, payload).then(checked),
    toMember: (memberId, payload) => service.relayToMember(memberId, EVENT, payload).then(checked),
  },
  dialect,
);

const { port } = /** @type {import('node:net').AddressInfo} */ (app.getHttpServer().address());
await serveServer(
  publisher,
  { port, dialect },
  {
    /** The counts of the operating system and of the connections to Redis so far. */
    usage: () => {
      const { user, system } = process.cpuUsage();
      const usage = { cpuUs: user + system, redisRead: past.read, redisWritten: past.written };
      for (const socket of syncs) {
        usage.redisRead += socket.bytesRead;
        usage.redisWritten += socket.bytesWritten;
      }
      return usage;
    },
    /** Relays to a member, a fixed number at a time, each until Redis has accepted it. */
    relay: async ({ memberId, total, inFlight }) => {
      const relayInTurn = async () => {
        while (publisher.published < total)
          checked(await service.relayToMember(memberId, EVENT, publisher.next()));
      };
      await Promise.all(Array.from({ length: inFlight }, relayInTurn));
    },
    /** Relays one event to each of these channels. */
    relayToChannels: async ({ channels }) => {
      for (const channel of channels) {
        checked(await service.relayToChannel(channel, EVENT, publisher.next()));
      }
    },
    /** Throws when a published event was not sent. */
    verify: () => {
      if (failure !== '') throw new Error(failure);
    },
    health: () => service.health(),
  },
);
