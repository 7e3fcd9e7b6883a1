// A Nest application with the provider `memory`, and the fake that tests hold. Forked by speed-memory-relay.js.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { EVENT, memberOf, paddingFor, payloadOf, userChannel } from './events.js';
import { serve } from './rpc.js';

const { BENCH_BUILD = '' } = process.env;
const { SocketService } = await import(BENCH_BUILD);
const { SocketFake, SocketTestingModule } = await import(new URL('testing/index.js', BENCH_BUILD).href);

const host = SocketTestingModule.forRoot({ env: { SOCKET_PROVIDER: 'memory' }, identify: () => null });
const app = await NestFactory.create(host, { logger: ['error'], abortOnError: false });
await app.init();
/** @type {import('nestjs-switchboard').SocketService} */
const service = app.get(SocketService);
/** @type {import('nestjs-switchboard/testing').SocketFake} */
const fake = app.get(SocketFake);

const [absent, present] = [memberOf(0), memberOf(1)];
const browser = await fake.connect(present);
const padding = paddingFor(userChannel(present));

serve({
  /** Relays one event after the other, to a member who is connected or to one who is not. */
  relay: async ({ isAnybodyThere, total }) => {
    const memberId = isAnybodyThere ? present : absent;
    const before = browser.received.length;
    for (let sequence = 1; sequence <= total; sequence++) {
      const { status } = await service.relayToMember(memberId, EVENT, payloadOf(sequence, padding));
      if (status !== 'sent') throw new Error(`event ${sequence} was lost`);
    }
    const heard = browser.received.length - before;
    if (heard !== (isAnybodyThere ? total : 0)) throw new Error(`${heard} events of ${total} arrived`);
  },
});

process.send?.({});
