// An application whose handler of a domain event fails: once, and then no more. It ends by itself, unless that ended it.
// argv: library, failure, options of the library as JSON
import 'reflect-metadata';
import { setImmediate as turn } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CqrsModule, EventBus, EventsHandler, UnhandledExceptionBus } from '@nestjs/cqrs';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import { SocketModule, SocketService } from 'nestjs-switchboard';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';

const [library, failure, options] = process.argv.slice(2);
const settings = JSON.parse(options ?? '{}');

/** @param {string} to */
const relay = (to) => app.get(SocketService).relayToMember(to, 'MEMBER_MESSAGED', { text: 'hello' });

/** @type {Record<string, () => unknown>} */
const FAILURES = {
  throws: () => {
    throw new Error('the handler has a bug');
  },
  rejects: async () => {
    await turn();
    throw new Error('the handler has a bug');
  },
  'relays to an id that cannot be': () => relay(''),
  'forgets to await such a relay': () => {
    void relay('');
  },
  'relays while the provider is down': () => {
    app.get(SocketFake).faults.failNext();
    return relay('ada');
  },
};

class Happened {
  isFirst = false;
}

class Handler {
  /** @param {Happened} event */
  handle({ isFirst }) {
    return isFirst ? FAILURES[failure]?.() : relay('ada');
  }
}
// The work of decorators, in JavaScript.
if (library === 'cqrs') EventsHandler(Happened)(Handler);
else {
  const { suppressErrors } = settings;
  const method = Object.getOwnPropertyDescriptor(Handler.prototype, 'handle');
  OnEvent('happened', suppressErrors === undefined ? {} : { suppressErrors })(
    Handler.prototype,
    'handle',
    method,
  );
}

// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- a module in Nest is a class
class App {}
Module({
  imports: [
    library === 'cqrs' ? CqrsModule.forRoot(settings) : EventEmitterModule.forRoot(),
    SocketModule.forRoot({ env: {}, provider: 'memory', failure: settings.failure ?? 'throw' }),
    SocketTestingModule,
  ],
  providers: [Handler],
})(App);

const app = await NestFactory.createApplicationContext(App, { logger: ['error', 'warn'] });
if (library === 'cqrs')
  app.get(UnhandledExceptionBus).subscribe(({ exception }) => {
    process.stdout.write(`bus: ${exception.message}\n`);
  });

/** @param {boolean} isFirst */
async function raise(isFirst) {
  const event = Object.assign(new Happened(), { isFirst });
  if (library === 'cqrs') app.get(EventBus).publish(event);
  else if (settings.isAwaited) {
    await app
      .get(EventEmitter2)
      .emitAsync('happened', event)
      .catch((/** @type {Error} */ error) => process.stdout.write(`caller: ${error.message}\n`));
  } else app.get(EventEmitter2).emit('happened', event);
}

// Nothing is left to do, so whatever the failure brings about has come about.
process.once('beforeExit', async () => {
  await raise(false);
  await turn();
  process.stdout.write(`still relays: ${app.get(SocketFake).relayed.length === 1}\n`);
  await app.close();
});
await raise(true);
