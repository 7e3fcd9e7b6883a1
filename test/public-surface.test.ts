import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  AuthorizeChannel,
  createSocketClient,
  LivePosition,
  type SocketAdapter,
  type SocketClient,
  socketConfig,
  SocketError,
  SocketHandlers,
  SocketModule,
  withSettings,
} from 'nestjs-switchboard';
import { type FakeMember, socketMatchers } from 'nestjs-switchboard/testing';
import { type FakeHost, startFake } from './support/hosts.js';
import { onTeardown } from './support/teardown.js';

/** Values that no argument may be; JavaScript, and a cast, give them all the same. */
const WRONG: readonly (readonly [name: string, value: unknown])[] = [
  ['null', null],
  ['undefined', undefined],
  ['a number', 7],
  ['NaN', NaN],
  ['a text', 'ada'],
  ['true', true],
  ['a list', [1]],
  ['an object', { some: 'thing' }],
  ['an object without prototype', Object.create(null)],
  ['a function', () => 'x'],
  ['a promise', Promise.resolve('ada')],
  ['a symbol', Symbol('ada')],
  ['a bigint', 7n],
];

/** What the engine of JavaScript says when nobody has looked at an argument. */
const RAW =
  /is not a function|is not iterable|Cannot (?:read|set|destructure|convert|mix)|undefined \(reading|object null is not|Invalid value used|is not a constructor|Class extends|must be of type/;

/** Fails if a call throws anything else than an error that somebody wrote a sentence for. Not to throw is fine. */
async function saysASentence(call: () => unknown): Promise<void> {
  try {
    await call();
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    const { message } = error as Error;
    expect(
      error instanceof SocketError ||
        /^(?:TypeError|SocketAssertionError|FakeMessageError|Error)$/.test((error as Error).name),
    ).toBe(true);
    expect(message).not.toMatch(RAW);
    expect(message).toMatch(/\w+ \w+/);
    expect(message).not.toContain('[object Object]');
  }
}

type Call = (value: never) => unknown;

const settings = () => socketConfig({ SOCKET_PROVIDER: 'memory' });
const silent = { log: () => undefined, warn: () => undefined, error: () => undefined };
const adapter: SocketAdapter = {
  name: 'acme',
  create: () => Promise.reject(new Error('the adapter is never started')),
  clientOptions: () => ({}),
};

/** Starts a Nest application, so that what is said at start is said. */
async function boot(make: () => Parameters<typeof Test.createTestingModule>[0]['imports']): Promise<void> {
  @Module({ imports: make() ?? [] })
  class AppModule {}
  const module = await Test.createTestingModule({ imports: [AppModule] })
    .setLogger(silent)
    .compile();
  onTeardown(() => module.close());
}

const WITHOUT_AN_APPLICATION: Readonly<Record<string, Call>> = {
  'socketConfig(x)': (x) => socketConfig(x),
  'socketConfig({}, x)': (x) => socketConfig({}, x),
  'socketConfig({}, {}, x)': (x) => socketConfig({}, {}, x),
  'socketConfig({ SOCKET_PROVIDER: x })': (x) => socketConfig({ SOCKET_PROVIDER: x }),
  'socketConfig({ NODE_ENV: x })': (x) => socketConfig({ NODE_ENV: x }),
  'socketConfig({ SOCKET_X: x })': (x) => socketConfig({ SOCKET_X: x }, {}, { logger: silent }),
  'socketConfig({}, { provider: x })': (x) => socketConfig({}, { provider: x }),
  'socketConfig({}, { gateway: x })': (x) => socketConfig({}, { gateway: x }),
  'socketConfig({}, {}, { adapters: x })': (x) => socketConfig({}, {}, { adapters: x }),
  'socketConfig({}, {}, { adapters: [x] })': (x) => socketConfig({}, {}, { adapters: [x] }),
  'socketConfig({}, {}, { gatewayPath: x })': (x) => socketConfig({}, {}, { gatewayPath: x }),
  'withSettings(x, {})': (x) => withSettings(x, {}),
  'withSettings(adapter, x)': (x) => withSettings(adapter, x),
  '@AuthorizeChannel(x)': (x) => AuthorizeChannel(x),
  '@LivePosition(x)': (x) => LivePosition(x),
  '@SocketHandlers(x)': (x) => SocketHandlers(x),
  '@SocketHandlers({ channel: x })': (x) => SocketHandlers({ channel: x }),
  '@SocketHandlers({ inOrder: x })': (x) => SocketHandlers({ inOrder: x }),
  '@SocketHandlers({ allowAnonymous: x })': (x) => SocketHandlers({ allowAnonymous: x }),
  'createSocketClient(x, logger)': (x) => createSocketClient(x, silent),
  'createSocketClient(config, x)': (x) => closed(createSocketClient(settings(), x)),
  'createSocketClient(config, logger, x)': (x) => closed(createSocketClient(settings(), silent, x)),
  'createSocketClient(config, logger, { adapters: x })': (x) =>
    closed(createSocketClient(settings(), silent, { adapters: x })),
  'createSocketClient(config, logger, { adapters: [x] })': (x) =>
    closed(createSocketClient(settings(), silent, { adapters: [x] })),
  'createSocketClient(config, logger, { onRelayError: x })': (x) =>
    closed(createSocketClient(settings(), silent, { onRelayError: x })),
  'SocketModule.forRoot(x)': (x) => SocketModule.forRoot(x),
  'SocketModule.forRoot({ path: x })': (x) => SocketModule.forRoot({ path: x }),
  'SocketModule.forRootAsync(x)': (x) => SocketModule.forRootAsync(x),
  'SocketModule.forRootAsync({ useFactory: x })': (x) => SocketModule.forRootAsync({ useFactory: x }),
  'socketMatchers.toHaveReceived(x)': (x) => socketMatchers.toHaveReceived.call({}, x, 'NOTED'),
  'socketMatchers.toHaveReceivedNothing(x)': (x) => socketMatchers.toHaveReceivedNothing(x),
  'socketMatchers.toBeDisconnected(x)': (x) => socketMatchers.toBeDisconnected(x),
};

async function closed(client: Promise<SocketClient>): Promise<void> {
  await (await client).close();
}

const AT_START: Readonly<Record<string, Call>> = {
  'forRoot({ identify: x })': (x) => boot(() => [SocketModule.forRoot({ env: {}, identify: x })]),
  'forRoot({ onRelayError: x })': (x) => boot(() => [SocketModule.forRoot({ env: {}, onRelayError: x })]),
  'forRoot({ adapters: x })': (x) => boot(() => [SocketModule.forRoot({ env: {}, adapters: x })]),
  'forRoot({ env: x })': (x) => boot(() => [SocketModule.forRoot({ provider: 'memory', env: x })]),
  'forRoot({ metrics: x })': (x) => boot(() => [SocketModule.forRoot({ env: {}, metrics: x })]),
  'forRoot({ gatewayPath: x })': (x) => boot(() => [SocketModule.forRoot({ env: {}, gatewayPath: x })]),
  'forRootAsync({ useFactory: () => x })': (x) =>
    boot(() => [SocketModule.forRootAsync({ useFactory: () => x })]),
};

const OF_AN_APPLICATION: Readonly<
  Record<string, (host: FakeHost, ada: FakeMember, value: never) => unknown>
> = {
  'relayToMember(x, …)': ({ service }, _, x) => service.relayToMember(x, 'NOTED' as never, {} as never),
  'relayToMember(id, x)': ({ service }, _, x) => service.relayToMember('ada', x, {} as never),
  'relayToMember(id, event, x)': ({ service }, _, x) => service.relayToMember('ada', 'NOTED' as never, x),
  'relayToMember(id, event, payload, x)': ({ service }, _, x) =>
    service.relayToMember('ada', 'NOTED' as never, {} as never, x),
  'relayToMember(…, { exceptSocketId: x })': ({ service }, _, x) =>
    service.relayToMember('ada', 'NOTED' as never, {} as never, { exceptSocketId: x }),
  'relayToMember(…, { delayMs: x })': ({ service }, _, x) =>
    service.relayToMember('ada', 'NOTED' as never, {} as never, { delayMs: x }),
  'relayToMembers(x, …)': ({ service }, _, x) => service.relayToMembers(x, 'NOTED' as never, {} as never),
  'relayToMembers([x], …)': ({ service }, _, x) => service.relayToMembers([x], 'NOTED' as never, {} as never),
  'relayToChannel(x, …)': ({ service }, _, x) => service.relayToChannel(x, 'NOTED' as never, {} as never),
  'broadcast(x)': ({ service }, _, x) => service.broadcast(x, {} as never),
  'disconnectMember(x)': ({ service }, _, x) => service.disconnectMember(x),
  'onlineMembers(x)': ({ service }, _, x) => service.onlineMembers(x),
  'onlineMembers([x])': ({ service }, _, x) => service.onlineMembers([x]),
  'onChannelEvent(x, …)': ({ service }, _, x) => service.onChannelEvent(x, () => undefined),
  'onChannelEvent(name, x)': ({ service }, _, x) => service.onChannelEvent('member_added', x),
  'history(x)': ({ service }, _, x) => service.history(x),
  'history({ member: x })': ({ service }, _, x) => service.history({ member: x }),
  'history(of, x)': ({ service }, _, x) => service.history('broadcast', x),
  'history(of, { limit: x })': ({ service }, _, x) => service.history('broadcast', { limit: x }),
  'history(of, { before: x })': ({ service }, _, x) => service.history('broadcast', { before: x }),
  'livePosition(x)': ({ service }, _, x) => service.livePosition(x),
  'livePosition({ member: x })': ({ service }, _, x) => service.livePosition({ member: x }),
  'afterCommit(x)': ({ service }, _, x) => service.afterCommit(x),
  'askMember(x, …)': ({ service }, _, x) => service.askMember(x, 'STILL_THERE'),
  'askMember(id, x)': ({ service }, _, x) => service.askMember('nobody', x),
  'askMember(id, event, x)': ({ service }, _, x) => service.askMember('nobody', 'STILL_THERE', x),
  'askMember(id, event, payload, x)': ({ service }, _, x) =>
    service.askMember('nobody', 'STILL_THERE', {}, x),
  'askMember(…, { timeoutMs: x })': ({ service }, _, x) =>
    service.askMember('nobody', 'STILL_THERE', {}, { timeoutMs: x }),
  'fake.connect(x)': ({ fake }, _, x) => fake.connect(x),
  'fake.advance(x)': ({ fake }, _, x) => {
    fake.advance(x);
  },
  'fake.captured(x)': ({ fake }, _, x) => fake.captured(x),
  'fake.assertRelayed(x, …)': ({ fake }, _, x) => {
    fake.assertRelayed(x, 'ANNOUNCED');
  },
  'fake.assertRelayed(id, x)': ({ fake }, _, x) => {
    fake.assertRelayed('ada', x);
  },
  'fake.assertRelayedToChannel(x, …)': ({ fake }, _, x) => {
    fake.assertRelayedToChannel(x, 'ANNOUNCED');
  },
  'fake.assertBroadcast(x)': ({ fake }, _, x) => {
    fake.assertBroadcast(x);
  },
  'fake.assertNothingRelayed(x)': ({ fake }, _, x) => {
    fake.assertNothingRelayed(x);
  },
  'fake.assertDisconnected(x)': ({ fake }, _, x) => {
    fake.assertDisconnected(x);
  },
  'member.subscribe(x)': (_, ada, x) => ada.subscribe(x),
  'member.unsubscribe(x)': (_, ada, x) => {
    ada.unsubscribe(x);
  },
  'member.trigger(x, …)': (_, ada, x) => {
    ada.trigger(x, 'client-typing', {});
  },
  'member.trigger(channel, x)': (_, ada, x) => {
    ada.trigger('presence-lobby', x);
  },
  'member.trigger(channel, event, x)': (_, ada, x) => {
    ada.trigger('presence-lobby', 'client-typing', x);
  },
  'member.send(x)': (_, ada, x) => ada.send(x),
  'member.send(event, x)': (_, ada, x) => ada.send('NOTED', x),
  'member.send(event, payload, x)': (_, ada, x) => ada.send('NOTED', {}, x),
  'member.ask(x)': (_, ada, x) => ada.ask(x),
  'member.ask(…, { channel: x })': (_, ada, x) => ada.ask('NOTED', {}, { channel: x }),
  'member.answers(x, …)': (_, ada, x) => ada.answers(x, () => undefined),
  'member.answers(event, x)': (_, ada, x) => ada.answers('STILL_THERE', x),
  'member.present(x)': (_, ada, x) => ada.present(x),
  'expect(member).toHaveReceived(x)': (_, ada, x) =>
    socketMatchers.toHaveReceived.call({}, ada, x, undefined),
};

describe.each(Object.entries({ ...WITHOUT_AN_APPLICATION, ...AT_START }))('%s', (_, call) => {
  test.each(WRONG)('says a sentence of %s, or takes it', async (_name, value) => {
    await saysASentence(() => call(value as never));
  });
});

describe.each(Object.entries(OF_AN_APPLICATION))('%s', (_, call) => {
  test('says a sentence of every wrong value, or takes it', async () => {
    const host = await startFake({
      gateway: { clientEvents: true },
      history: { channels: ['members', 'broadcast'] },
    });
    const ada = await host.fake.connect('ada');
    for (const [, value] of WRONG) await saysASentence(() => call(host, ada, value as never));
  });
});

test.each<[what: string, said: string, call: (host: FakeHost) => unknown]>([
  [
    'relayToMembers with one id in place of a list',
    'The member ids must be a list, like ["ada", "alan"]; it is "ada"',
    ({ service }) => service.relayToMembers('ada' as never, 'NOTED' as never, {} as never),
  ],
  [
    'afterCommit with the promise of a transaction',
    'afterCommit(work): work must be a function that runs the transaction, like () => dataSource.transaction(…); it is a promise',
    ({ service }) => service.afterCommit(Promise.resolve() as never),
  ],
  [
    'a socket id in place of the options',
    'The options of a relay must be an object, like { exceptSocketId: "123.456" }; they are a string',
    ({ service }) => service.broadcast('NOTED' as never, {} as never, '1.2' as never),
  ],
  [
    'a channel event that there is not',
    'There is no channel event "member_joined"; there are: channel_occupied, channel_vacated, member_added, ' +
      'member_removed, client_event, cache_miss, subscription_count',
    ({ service }) => service.onChannelEvent('member_joined' as never, () => undefined),
  ],
  [
    'a time of askMember that is none',
    'askMember(…, { timeoutMs }): timeoutMs must be milliseconds from 1 to 2147483647; it is 0',
    ({ service }) => service.askMember('ada', 'STILL_THERE', {}, { timeoutMs: 0 }),
  ],
  [
    'an option of askMember that there is not',
    'askMember(memberId, event, payload, options): options must have no "timeout"; there are: timeoutMs',
    ({ service }) => service.askMember('ada', 'STILL_THERE', {}, { timeout: 5 } as never),
  ],
  [
    'a payload of askMember that is too large',
    'The payload of "STILL_THERE" has 20002 bytes as JSON, 10240 are allowed',
    ({ service }) => service.askMember('ada', 'STILL_THERE', 'x'.repeat(20_000)),
  ],
  [
    'a matcher on a member that was not awaited',
    'toHaveReceived needs what fake.connect(…) resolves with; it got a promise: await fake.connect(…) first',
    ({ fake }) => socketMatchers.toHaveReceived.call({}, fake.connect('ada') as never, 'NOTED'),
  ],
  [
    'a matcher on something else',
    'toBeDisconnected needs what fake.connect(…) resolves with; it got undefined',
    () => socketMatchers.toBeDisconnected(undefined as never),
  ],
  [
    'options of a factory that returns none',
    'The options of SocketModule, as useFactory made them, must be an object; it is undefined',
    () => boot(() => [SocketModule.forRootAsync({ useFactory: () => undefined as never })]),
  ],
  [
    'no factory',
    'SocketModule.forRootAsync(options): useFactory must be a function that makes the options; it is undefined',
    () => SocketModule.forRootAsync({} as never),
  ],
])('of %s it says what to do', async (_, said, call) => {
  const host = await startFake();
  await expect((async () => call(host))()).rejects.toThrow(said);
});

test('a relay to nobody is sent, with a delay and in a transaction too', async () => {
  const { service, fake } = await startFake();
  const toNobody = (options?: object) =>
    service.relayToMembers([], 'NOTED' as never, {} as never, options as never);
  const inTransaction = await service.afterCommit(() => toNobody());
  for (const receipt of [await toNobody(), await toNobody({ delayMs: 1_000 }), inTransaction])
    expect(receipt).toMatchObject({ status: 'sent' });
  expect(fake.relayed).toEqual([]);
});
