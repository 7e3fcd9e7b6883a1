import 'reflect-metadata';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  createSocketClient,
  type LostRelay,
  RelayClient,
  type SocketAdapter,
  type SocketClient,
  type SocketClientOptions,
  socketConfig,
  type SocketLogger,
  type SocketSettings,
  SocketUnavailableError,
  SocketUsageError,
} from 'nestjs-switchboard';
import { APP, HttpApi } from '../adapters/pusher/support.js';
import { closedPort } from '../browser/backends.js';
import { openBrowser } from '../support/pusher-browser.js';
import { startSocketApp } from '../support/socket-app.js';
import { onTeardown } from '../support/teardown.js';

const HELLO = { from: 'alan', text: 'hello' };
const CLIENT_PROCESS = fileURLToPath(new URL('client-process.mjs', import.meta.url));

/** A logger that keeps the warnings and the errors. */
class Lines implements SocketLogger {
  readonly warnings: string[] = [];
  readonly errors: string[] = [];

  log(): void {
    // These lines are not asserted.
  }

  warn(message: string): void {
    this.warnings.push(message);
  }

  error(message: string): void {
    this.errors.push(message);
  }
}

class StuckClient extends RelayClient {
  send = () => Promise.resolve();
  onlineMembers = () => Promise.resolve(new Set<string>());
  health = () => Promise.resolve({ status: 'up', connections: null } as const);
  close = () => Promise.reject(new Error('the provider is stuck'));
}

/** A client that is closed after the test, with what it logs and every loss that it reports. */
async function start(settings: SocketSettings, options: SocketClientOptions = {}) {
  const lines = new Lines();
  const losses: LostRelay[] = [];
  const onRelayError = (lost: LostRelay) => void losses.push(lost);
  const client = await createSocketClient(socketConfig({}, settings), lines, { onRelayError, ...options });
  onTeardown(() => client.close());
  return { client, lines, losses };
}

const onPusher = (port: number): SocketSettings => ({
  provider: 'pusher',
  app: APP,
  pusher: { host: '127.0.0.1', port, scheme: 'http' },
});

/** An HTTP API that accepts every event, and has no occupied channels. */
const startApi = () =>
  HttpApi.start(({ method }) => (method === 'GET' ? { body: '{"channels":{}}' } : undefined));

/** An adapter whose client takes every relay, and cannot be closed. */
const stuckAdapter: SocketAdapter = {
  name: 'stuck',
  create: () => ({ client: new StuckClient('broadcast') }),
  clientOptions: () => ({}),
};

const gate = () => {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
};

describe.each<[name: string, settings: () => SocketSettings | Promise<SocketSettings>]>([
  ['memory', () => ({ provider: 'memory', failure: 'report' })],
  ['ws', () => ({ provider: 'ws' })],
  ['pusher', async () => onPusher((await startApi()).port)],
])('a client without Nest on "%s"', (provider, settings) => {
  test('names its provider, and its health is up', async () => {
    const { client } = await start(await settings());
    expect(client.provider).toBe(provider);
    expect(await client.health()).toMatchObject({ status: 'up' });
  });

  test('resolves with "sent" although there is no listener', async () => {
    const { client, losses } = await start(await settings());
    const receipts = [
      await client.relayToMember('ada', 'MEMBER_MESSAGED', HELLO),
      await client.relayToMembers(['ada', 'alan'], 'MEMBER_MESSAGED', HELLO),
      await client.relayToChannel('news', 'ANNOUNCED', { message: 'x' }),
      await client.broadcast('ANNOUNCED', { message: 'x' }),
      await client.disconnectMember('ada'),
    ];
    for (const receipt of receipts)
      expect(receipt).toEqual({ id: expect.any(String) as string, status: 'sent' });
    expect(client.relays).toEqual({ sent: 5, failed: 0, queued: 0, retried: 0 });
    expect(losses).toEqual([]);
  });

  test.each<[code: string, call: (client: SocketClient) => Promise<unknown>]>([
    ['INVALID_MEMBER_ID', (client) => client.relayToMember('\ud800', 'MEMBER_MESSAGED', HELLO)],
    ['INVALID_MEMBER_ID', (client) => client.disconnectMember('')],
    ['INVALID_MEMBER_ID', (client) => client.onlineMembers(['\ud800'])],
    ['INVALID_CHANNEL_NAME', (client) => client.relayToChannel('a b', 'ANNOUNCED', { message: 'x' })],
    ['INVALID_EVENT_NAME', (client) => client.broadcast('' as 'ANNOUNCED', { message: 'x' })],
    ['PAYLOAD_TOO_LARGE', (client) => client.broadcast('ANNOUNCED', { message: 'x'.repeat(20_000) })],
    ['PAYLOAD_NOT_JSON', (client) => client.broadcast('ANNOUNCED', (() => 1) as never)],
    [
      'INVALID_SOCKET_ID',
      (client) => client.broadcast('ANNOUNCED', { message: 'x' }, { exceptSocketId: 12.5 as never }),
    ],
    ['INVALID_DELAY', (client) => client.broadcast('ANNOUNCED', { message: 'x' }, { delayMs: -1 })],
  ])('rejects a mistake of the caller with %s, and sends nothing', async (code, call) => {
    const { client, losses } = await start(await settings());
    const rejection = await call(client).catch((error: unknown) => error);
    expect(rejection).toBeInstanceOf(SocketUsageError);
    expect(rejection).toMatchObject({ code });
    expect(client.relays).toEqual({ sent: 0, failed: 0, queued: 0, retried: 0 });
    expect(losses).toEqual([]);
  });

  test('resolves with "queued" for a relay with a delay, and reports it as lost when it is closed before', async () => {
    const { client, losses } = await start(await settings());
    const receipt = await client.relayToMember('ada', 'MEMBER_MESSAGED', HELLO, { delayMs: 3_600_000 });
    expect(receipt).toEqual({ id: expect.any(String) as string, status: 'queued' });
    expect(client.relays).toMatchObject({ sent: 0, queued: 1 });
    await client.close();
    expect(losses).toMatchObject([{ id: receipt.id, event: 'MEMBER_MESSAGED', error: { lost: ['ada'] } }]);
    expect(losses[0]?.error).toBeInstanceOf(SocketUnavailableError);
    expect(client.relays).toMatchObject({ sent: 0, failed: 1, queued: 0 });
  });

  test('resolves with "failed" after it is closed, where the policy is to report', async () => {
    const { client, lines, losses } = await start({ ...(await settings()), failure: 'report' });
    await client.close();
    const receipt = await client.relayToMember('ada', 'MEMBER_MESSAGED', HELLO);
    expect(receipt).toMatchObject({
      status: 'failed',
      error: { code: 'PROVIDER_UNAVAILABLE', provider, lost: ['ada'] },
    });
    expect(losses).toEqual([{ id: receipt.id, event: 'MEMBER_MESSAGED', error: receipt.error }]);
    expect(lines.errors).toEqual([expect.stringContaining(`Relay ${receipt.id} (MEMBER_MESSAGED) was lost`)]);
    expect(await client.health()).toMatchObject({ status: 'down' });
  });

  test('rejects after it is closed, where the policy is to throw', async () => {
    const { client, losses } = await start({ ...(await settings()), failure: 'throw' });
    await client.close();
    await expect(client.broadcast('ANNOUNCED', { message: 'x' })).rejects.toBeInstanceOf(
      SocketUnavailableError,
    );
    expect(losses).toEqual([]);
    expect(client.relays).toMatchObject({ failed: 1 });
  });

  test('sends the relays of a transaction once it has committed', async () => {
    const { client } = await start(await settings());
    const result = await client.afterCommit(async () => {
      const receipt = await client.broadcast('ANNOUNCED', { message: 'x' });
      expect(receipt).toMatchObject({ status: 'queued' });
      expect(client.relays).toMatchObject({ sent: 0 });
      return 'the result';
    });
    expect(result).toBe('the result');
    while (client.relays.sent === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(client.relays).toMatchObject({ sent: 1, failed: 0 });
  });

  test('drops the relays of a transaction that is rolled back, and a relay after the rollback', async () => {
    const { client, lines } = await start(await settings());
    const { opened, open } = gate();
    let late: Promise<unknown> | undefined;
    const transaction = client.afterCommit(async () => {
      await client.broadcast('ANNOUNCED', { message: 'x' });
      late = opened.then(() => client.broadcast('ANNOUNCED', { message: 'late' }));
      throw new Error('rolled back');
    });
    await expect(transaction).rejects.toThrow('rolled back');
    open();
    expect(await late).toMatchObject({ status: 'dropped' });
    expect(lines.warnings).toEqual([expect.stringContaining('after its transaction had been rolled back')]);
    expect(client.relays).toEqual({ sent: 0, failed: 0, queued: 0, retried: 0 });
  });

  test('leaves no handle open once it is closed: its process ends by itself', async () => {
    const child = spawn(process.execPath, [CLIENT_PROCESS, JSON.stringify(await settings())], {
      env: { PATH: process.env['PATH'], NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(output).toContain('closed after sent');
  });
});

describe('onRelayError of a client without Nest', () => {
  test.each<[how: string, onRelayError: () => void]>([
    [
      'throws',
      () => {
        throw new Error('a bug');
      },
    ],
    ['rejects', () => Promise.reject(new Error('a bug'))],
  ])('that %s is logged, and the receipt is the same', async (_, onRelayError) => {
    const { client, lines } = await start({ provider: 'memory', failure: 'report' }, { onRelayError });
    await client.close();
    const { id, status } = await client.broadcast('ANNOUNCED', { message: 'x' });
    expect(status).toBe('failed');
    await new Promise((resolve) => setImmediate(resolve));
    expect(lines.errors.at(-1)).toBe(`onRelayError failed for relay ${id}: Error: a bug`);
  });
});

describe('a client without Nest whose provider cannot be closed', () => {
  test('reports the relays that wait for their delay as lost, and the rejection passes on', async () => {
    const lines = new Lines();
    const losses: LostRelay[] = [];
    const adapters = [stuckAdapter];
    const config = socketConfig({}, { provider: 'stuck' }, { adapters });
    const client = await createSocketClient(config, lines, {
      adapters,
      onRelayError: (lost) => void losses.push(lost),
    });
    const { id, status } = await client.relayToMember('ada', 'MEMBER_MESSAGED', HELLO, {
      delayMs: 3_600_000,
    });
    expect(status).toBe('queued');
    await expect(client.close()).rejects.toThrow('the provider is stuck');
    expect(losses).toMatchObject([{ id, event: 'MEMBER_MESSAGED', error: { lost: ['ada'] } }]);
    expect(lines.errors).toEqual([expect.stringContaining(`Relay ${id} (MEMBER_MESSAGED) was lost`)]);
    expect(client.relays).toMatchObject({ failed: 1, queued: 0 });
  });
});

describe('a client without Nest on "pusher"', () => {
  test('reaches a browser through the HTTP API of a gateway, and ends its connections', async () => {
    const gateway = await startSocketApp({ provider: 'ws', app: APP, httpApi: { enabled: true } });
    onTeardown(() => gateway.close());
    const ada = await openBrowser(gateway.url, 'ada');
    onTeardown(() => {
      ada.leave();
    });
    const { client } = await start(onPusher(gateway.port));
    expect(await client.relayToMember('ada', 'MEMBER_MESSAGED', HELLO)).toMatchObject({ status: 'sent' });
    expect(await ada.next()).toEqual({ event: 'MEMBER_MESSAGED', payload: HELLO });
    expect(await client.broadcast('ANNOUNCED', { message: 'all' })).toMatchObject({ status: 'sent' });
    expect(await ada.next()).toEqual({ event: 'ANNOUNCED', payload: { message: 'all' } });
    expect(await client.onlineMembers(['ada', 'alan'])).toEqual(new Set(['ada']));
    const delayed = await client.relayToMember('ada', 'MEMBER_MESSAGED', HELLO, { delayMs: 1 });
    expect(delayed).toMatchObject({ status: 'queued' });
    expect(await ada.next()).toEqual({ event: 'MEMBER_MESSAGED', payload: HELLO });
    await client.disconnectMember('ada');
    await ada.disconnected();
  });

  test('sends the relays of a transaction in the order of the calls', async () => {
    const api = await HttpApi.start();
    const { client } = await start(onPusher(api.port));
    await client.afterCommit(async () => {
      for (const message of ['1', '2', '3']) void client.broadcast('ANNOUNCED', { message });
      await Promise.resolve();
      expect(api.events).toEqual([]);
    });
    await api.until(({ events }) => events.length === 3);
    expect(api.events.map(({ data }) => data)).toEqual(
      ['1', '2', '3'].map((message) => JSON.stringify({ message })),
    );
  });

  test('retries a failed relay, and closes every connection at the end', async () => {
    let failures = 1;
    const api = await HttpApi.start(() => (failures-- > 0 ? { status: 503 } : undefined));
    const { client, losses } = await start(onPusher(api.port));
    expect(await client.broadcast('ANNOUNCED', { message: 'x' })).toMatchObject({ status: 'queued' });
    while (client.relays.sent === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(client.relays).toEqual({ sent: 1, failed: 0, queued: 0, retried: 1 });
    await client.close();
    await api.until(({ connections }) => connections.size === 0);
    expect(losses).toEqual([]);
  });
});

describe('a client without Nest on two providers', () => {
  test('with a mirror, sends each relay to both', async () => {
    const api = await startApi();
    const { client } = await start({
      ...onPusher(api.port),
      provider: ['pusher', 'ws'],
      second: { role: 'mirror' },
    });
    expect(await client.broadcast('ANNOUNCED', { message: 'x' })).toMatchObject({ status: 'sent' });
    expect(api.events).toHaveLength(1);
    expect(client.provider).toBe('pusher');
    expect(await client.health()).toMatchObject({
      status: 'up',
      second: { provider: 'ws', role: 'mirror', status: 'up', missed: 0, divergence: 0 },
    });
  });

  test('with a failover, the second takes over from a first one that is away', async () => {
    const { client, lines } = await start({
      ...onPusher(await closedPort()),
      provider: ['pusher', 'ws'],
      delivery: { breakerFailures: 1 },
    });
    expect(client.provider).toBe('pusher');
    await client.relayToMember('ada', 'MEMBER_MESSAGED', HELLO);
    expect(client.provider).toBe('ws');
    expect(await client.relayToMember('alan', 'MEMBER_MESSAGED', HELLO)).toMatchObject({ status: 'sent' });
    expect(await client.health()).toMatchObject({
      status: 'degraded',
      second: { provider: 'ws', role: 'failover' },
    });
    expect(lines.warnings.length).toBeGreaterThan(0);
    await client.close();
    expect(await client.health()).toMatchObject({ status: 'down' });
  });
});

test.each([
  [{ onRelayEror: () => undefined }, 'must have no "onRelayEror"; did you mean onRelayError?'],
  [{ failure: 'throw' }, 'must have no "failure"; there are: adapters, onRelayError'],
])('a client without Nest refuses options that do not exist: %j', async (options: object, message) => {
  await expect(createSocketClient(socketConfig({}), new Lines(), options)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: `createSocketClient(config, logger, options): options ${message}`,
  });
});
