// A Nest application with the provider `pusher`, and Pusher's own SDK beside it. Forked by speed-pusher-relay.js.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import Pusher from 'pusher';
import { APP, EVENT, memberOf, paddingFor, payloadOf, userChannel } from './events.js';
import { serve } from './rpc.js';

const { BENCH_BUILD = '', ...env } = process.env;
const { SocketModule, SocketService } = await import(BENCH_BUILD);
const host = SocketModule.forRoot({ env, identify: () => null });
const app = await NestFactory.create(host, { logger: ['error'], abortOnError: false });
await app.init();
/** @type {import('nestjs-switchboard').SocketService} */
const service = app.get(SocketService);

const pusher = new Pusher({
  appId: APP.id,
  key: APP.key,
  secret: APP.secret,
  host: env['PUSHER_HOST'] ?? '',
  port: env['PUSHER_PORT'] ?? '',
  useTLS: false,
});
const padding = paddingFor(userChannel(memberOf(0)));

/** @type {Record<string, (index: number) => Promise<void>>} */
const WAYS = {
  service: async (index) => {
    const { status } = await service.relayToMember(memberOf(index), EVENT, payloadOf(index, padding));
    if (status !== 'sent') throw new Error(`the relay to ${memberOf(index)} was lost`);
  },
  sdk: async (index) => {
    const { status } = await pusher.sendToUser(memberOf(index), EVENT, payloadOf(index, padding));
    if (status !== 200) throw new Error(`the SDK was answered ${status}`);
  },
};

serve({
  /** Relays once to each of a number of members: to all of them at once, or to one after the other. */
  relay: async ({ way, members, isAtOnce }) => {
    const relay = /** @type {(index: number) => Promise<void>} */ (WAYS[way]);
    const indexes = Array.from({ length: members }, (_, index) => index);
    if (isAtOnce) await Promise.all(indexes.map(relay));
    else for (const index of indexes) await relay(index);
  },
});

process.send?.({});
