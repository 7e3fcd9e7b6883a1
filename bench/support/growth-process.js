// An application whose costs are watched from inside: how long one turn of its event loop takes, and what it logs. Forked by
// growth-app.js.
import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { EVENT, memberOf } from './events.js';
import { LongestTurn } from './longest-turn.js';
import { serve } from './rpc.js';

const { BENCH_BUILD = '', ...env } = process.env;
const { SocketModule, SocketService } = await import(BENCH_BUILD);

let logged = 0;
/** @param {unknown[]} parts */
const count = (...parts) => void (logged += parts.map(String).join(' ').length);
const logger = { log: count, warn: count, error: count, debug: count, verbose: count, fatal: count };

const host = SocketModule.forRoot({ env, identify: () => null });
const app = await NestFactory.create(host, { logger, abortOnError: false });
await app.listen(0, '127.0.0.1');
/** @type {import('nestjs-switchboard').SocketService} */
const service = app.get(SocketService);
const longestTurn = new LongestTurn();

/** @param {number} members @param {number} bytes */
async function relayToMembers(members, bytes) {
  const ids = Array.from({ length: members }, (_, index) => memberOf(index));
  const { status, error } = await service.relayToMembers(ids, EVENT, { text: 'x'.repeat(bytes) });
  return { status, errorCharacters: error?.message.length ?? 0, lost: error?.lost?.length ?? 0 };
}

/** @param {number} relays @param {number} members */
async function relays(relays, members) {
  const receipts = [];
  for (let index = 0; index < relays; index++) {
    receipts.push(service.relayToMember(memberOf(index % members), EVENT, { index }));
    if (index % 100 === 99) await delay(0);
  }
  const statuses = (await Promise.all(receipts)).map(({ status }) => status);
  return { failed: statuses.filter((status) => status === 'failed').length };
}

serve({
  /** One relay to a number of members. */
  relayToMembers: ({ members, bytes }) => relayToMembers(members, bytes),
  /** Relays to some members in turn, a hundred in every turn. Answers when all are settled. */
  relays: ({ relays: number, members }) => relays(number, members),
  /** Relays to one channel, all in one turn. Answers when all are settled. */
  relaysToChannel: async ({ relays: number, channel, event }) => {
    await Promise.all(Array.from({ length: number }, () => service.relayToChannel(channel, event, {})));
  },
  health: () => service.health(),
  /** The characters that were logged until now. */
  logged: () => logged,
  watchTurns: () => longestTurn.start(),
  /** The longest turn since then, in milliseconds of CPU. */
  longestTurnMs: () => longestTurn.stop(),
  /** Runs the command `switchboard` in this process. */
  command: async ({ words }) => {
    const { main } = await import(new URL('cli/dead-letters.js', BENCH_BUILD).href);
    const ignore = () => undefined;
    return main(words, env, { out: ignore, err: ignore });
  },
});

const { port } = /** @type {import('node:net').AddressInfo} */ (app.getHttpServer().address());
process.send?.({ port });
