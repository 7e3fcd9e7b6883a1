import 'reflect-metadata';
import { jest } from '@jest/globals';
import type { AdapterContext, AdapterParts, SocketAdapter } from '../../src/adapters/adapter.js';
import type { ChannelEngine } from '../../src/channels/channel-engine.js';
import type { SocketSettings } from '../../src/config/settings.js';
import { socketConfig } from '../../src/config/socket-config.js';
import { SocketConfigurationError, SocketUnavailableError } from '../../src/ports/errors.js';
import type { SocketLogger } from '../../src/ports/logger.js';
import { createRelay, type Relay } from '../../src/ports/relay.js';
import { RelayClient } from '../../src/ports/relay-client.js';
import type { ProviderHealth } from '../../src/ports/socket-client.js';
import { SocketRuntime } from '../../src/runtime/socket-runtime.js';
import { rejection } from '../support/hosts.js';
import { onTeardown } from '../support/teardown.js';

const SILENT: SocketLogger = { log: () => undefined, warn: () => undefined, error: () => undefined };

/** A provider that takes every relay, unless it fails. */
class CountingClient extends RelayClient {
  readonly relays: Relay[] = [];
  closed = 0;

  constructor(readonly isFailing = false) {
    super('broadcast');
  }

  send(relay: Relay): Promise<void> {
    this.relays.push(relay);
    if (!this.isFailing) return Promise.resolve();
    const failure = { provider: 'one', lost: relay.recipients };
    return Promise.reject(new SocketUnavailableError('no answer', failure));
  }

  onlineMembers(): Promise<ReadonlySet<string>> {
    return Promise.resolve(new Set());
  }

  health(): Promise<ProviderHealth> {
    return Promise.resolve({ status: 'up', connections: null });
  }

  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }
}

function adapter(
  name: string,
  create: (context: AdapterContext) => AdapterParts | Promise<AdapterParts>,
): SocketAdapter {
  return { name, capabilities: { isRetried: true }, create, clientOptions: () => ({}) };
}

const withClient = (name: string, client: unknown) =>
  adapter(name, () => ({ client }) as unknown as AdapterParts);

const failing = (name: string) =>
  adapter(name, () => {
    throw new Error(`${name} cannot start`);
  });

async function start(provider: string, adapters: readonly SocketAdapter[], settings: SocketSettings = {}) {
  const config = socketConfig({ SOCKET_PROVIDER: provider }, settings, { adapters });
  const runtime = await SocketRuntime.start(config, SILENT, adapters);
  onTeardown(() => runtime.close());
  return runtime;
}

describe('a start that fails', () => {
  test('closes the client of the first provider where the second one cannot start', async () => {
    const client = new CountingClient();
    const error = await rejection(start('one,two', [withClient('one', client), failing('two')]));
    expect(error).toEqual(new Error('two cannot start'));
    expect(client.closed).toBe(1);
  });

  test('starts no second provider where the first one cannot start', async () => {
    const create = jest.fn(() => ({ client: new CountingClient() }));
    const error = await rejection(start('one,two', [failing('one'), adapter('two', create)]));
    expect(error).toEqual(new Error('one cannot start'));
    expect(create).not.toHaveBeenCalled();
  });

  test.each<[how: string, end: () => AdapterParts]>([
    [
      'throws',
      () => {
        throw new Error('no port');
      },
    ],
    ['returns no client', () => ({}) as AdapterParts],
  ])('closes the engine that an adapter has created before its create() %s', async (_, end) => {
    const engines: ChannelEngine[] = [];
    const closes: unknown[] = [];
    const mine = adapter('mine', async (context) => {
      for (let count = 0; count < 2; count++) {
        const engine = await context.createEngine();
        engines.push(engine);
        closes.push(jest.spyOn(engine, 'close'));
      }
      return end();
    });
    await rejection(start('mine', [mine]));
    expect(engines).toHaveLength(2);
    for (const close of closes) expect(close).toHaveBeenCalledTimes(1);
  });
});

test('a start that succeeds closes nothing', async () => {
  const client = new CountingClient();
  await start('mine', [withClient('mine', client)]);
  expect(client.closed).toBe(0);
});

describe('an adapter from outside is refused at start, by its name,', () => {
  test.each<[what: string, parts: unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'client'],
    ['an object without a client', {}],
    ['null as its client', { client: null }],
    ['a client without send', { client: { close: () => Promise.resolve() } }],
  ])('where its create() returns %s', async (_, parts) => {
    const mine = adapter('mine', () => parts as AdapterParts);
    const error = await rejection(start('mine', [mine]));
    expect(error).toBeInstanceOf(SocketConfigurationError);
    expect(error).toMatchObject({
      problems: [
        'adapters: create() of "mine" must return { client } with a method send(relay): extend RelayClient',
      ],
    });
  });

  test.each(['mine', 'memory'])('where another one has its name, "%s"', async (name) => {
    const client = new CountingClient();
    const mine = withClient('mine', client);
    const config = socketConfig({ SOCKET_PROVIDER: name }, {}, { adapters: [mine] });
    const create = jest.fn(() => ({ client: new CountingClient() }));
    const error = await rejection(SocketRuntime.start(config, SILENT, [mine, adapter(name, create)]));
    expect(error).toBeInstanceOf(SocketConfigurationError);
    expect(error).toMatchObject({ problems: [`adapters: two of them have the name "${name}"`] });
    expect(create).not.toHaveBeenCalled();
  });
});

describe('the second of two providers gets a relay that the first one failed on', () => {
  /** Sends the same relay twice, as a retry does. */
  async function sendTwice(settings: SocketSettings): Promise<number> {
    const second = new CountingClient();
    const adapters = [withClient('one', new CountingClient(true)), withClient('two', second)];
    const mirror = { second: { role: 'mirror' }, ...settings } as const;
    const { client } = await start('one,two', adapters, mirror);
    const relay = createRelay('member', ['ada'], 'NOTED', 1);
    for (let count = 0; count < 2; count++) await client.send(relay).catch(() => undefined);
    return second.relays.length;
  }

  test('once, where this process tries it again', async () => {
    expect(await sendTwice({})).toBe(1);
  });

  test('as often as the first one, where nobody in this process tries it again', async () => {
    expect(await sendTwice({ delivery: { retryDeadlineMs: 0 } })).toBe(2);
    const queue: SocketSettings = { delivery: { mode: 'queue' }, redis: { url: 'redis://127.0.0.1:1' } };
    expect(await sendTwice(queue)).toBe(2);
  });
});
