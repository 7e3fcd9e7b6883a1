import 'reflect-metadata';
import { jest } from '@jest/globals';
import { Test } from '@nestjs/testing';
import {
  type LostRelay,
  SocketModule,
  type SocketModuleOptions,
  SocketService,
  SocketUnavailableError,
} from 'nestjs-switchboard';
import { APP, expectNoSecrets, gate, HttpApi, onTeardown } from '../../adapters/pusher/support.js';
import { logged } from '../../support/hosts.js';

/** An application on the provider `pusher`, through its real SDK, over a server on the loopback interface. */
async function startApp(
  api: HttpApi,
  options: Omit<SocketModuleOptions, 'pusher'> = {},
  timeoutMs = 5_000,
): Promise<{ service: SocketService; close: () => Promise<void>; losses: LostRelay[] }> {
  const losses: LostRelay[] = [];
  const module = SocketModule.forRoot({
    env: {},
    provider: 'pusher',
    app: APP,
    pusher: { host: '127.0.0.1', port: api.port, scheme: 'http', timeoutMs },
    identify: () => null,
    onRelayError: (lost) => void losses.push(lost),
    ...options,
  });
  const app = (await Test.createTestingModule({ imports: [module] }).compile()).createNestApplication({
    logger: false,
  });
  let isClosed = false;
  const close = async () => {
    if (!isClosed) await app.close();
    isClosed = true;
  };
  onTeardown(close);
  await app.init();
  return { service: app.get(SocketService), close, losses };
}

/** Once nothing waits any more. The relays' own timers bring that about. */
async function nothingQueued(service: SocketService): Promise<void> {
  while (service.relays.queued > 0) await new Promise((resolve) => setImmediate(resolve));
}

describe('a relay over HTTP', () => {
  test.each([
    ['a 500', { status: 500 }],
    ['a 429', { status: 429 }],
    ['a connection that is reset', 'reset'],
    ['an answer that does not come', 'silence'],
  ] as const)('that meets %s is queued, and arrives behind nothing of its own', async (_, fate) => {
    const { lines } = logged('warn');
    // The whole delay, so that there is time to look.
    const random = jest.spyOn(Math, 'random').mockReturnValue(0.999);
    onTeardown(() => {
      random.mockRestore();
    });
    let left = 1;
    const api = await HttpApi.start(({ connection }) => {
      if (left-- <= 0) return undefined;
      if (fate === 'reset') connection.resetAndDestroy();
      return typeof fate === 'string' ? 'nothing' : fate;
    });
    const { service, losses } = await startApp(api, {}, fate === 'silence' ? 250 : 5_000);
    const first = await service.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'alan', text: '1' });
    expect(first).toEqual({ id: expect.any(String) as string, status: 'queued' });
    expect(lines).toEqual([expect.stringMatching(`Relay ${first.id} .*waits to be tried again`)]);
    const second = await service.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'alan', text: '2' });
    const other = await service.relayToMember('grace', 'MEMBER_MESSAGED', { from: 'alan', text: '3' });
    expect([second.status, other.status]).toEqual(['queued', 'sent']);
    expect(service.relays).toMatchObject({ sent: 1, queued: 2 });
    expect(await service.health()).toMatchObject({ delivery: { waiting: 2, breaker: 'closed' } });
    await nothingQueued(service);
    const toAda = api.events.filter(({ channel }) => channel === '#server-to-user-ada');
    expect(toAda.slice(1).map(({ data }) => (JSON.parse(String(data)) as { text: string }).text)).toEqual([
      '1',
      '2',
    ]);
    expect(service.relays).toEqual({ sent: 3, failed: 0, queued: 0, retried: 1 });
    expect(losses).toEqual([]);
  });

  test('is left alone for as long as the Retry-After of a 429 says, which the SDK does not tell', async () => {
    logged('warn');
    let left = 1;
    const at: number[] = [];
    const api = await HttpApi.start(() => {
      at.push(performance.now());
      return left-- > 0 ? { status: 429, headers: { 'retry-after': '1' } } : undefined;
    });
    const { service } = await startApp(api);
    await service.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'alan', text: '1' });
    // It is about the application, so others wait too.
    expect((await service.broadcast('ANNOUNCED', { message: 'x' })).status).toBe('queued');
    await nothingQueued(service);
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(950);
  });

  test('that is refused for good is lost at once, with failure reported or thrown', async () => {
    logged('error');
    const api = await HttpApi.start(() => ({ status: 401, body: 'unknown key' }));
    const { service, losses } = await startApp(api);
    const receipt = await service.broadcast('ANNOUNCED', { message: 'x' });
    expect(receipt).toMatchObject({ status: 'failed', error: { code: 'PROVIDER_REJECTED' } });
    expect(losses).toMatchObject([{ id: receipt.id }]);
    const strict = await startApp(api, { failure: 'throw' });
    await expect(strict.service.broadcast('ANNOUNCED', { message: 'x' })).rejects.toMatchObject({
      code: 'PROVIDER_REJECTED',
    });
    expect(strict.losses).toEqual([]);
    expect(api.received).toHaveLength(2);
  });

  test.each(['report', 'throw'] as const)(
    'that never succeeds is told as lost at its deadline, also with failure: %s',
    async (failure) => {
      const { lines } = logged('error');
      const api = await HttpApi.start(() => ({ status: 503 }));
      const delivery = { retryDeadlineMs: 400, breakerFailures: 0 };
      const { service, losses } = await startApp(api, { failure, delivery });
      const { id, status } = await service.relayToMembers(['ada', 'alan'], 'MEMBER_MESSAGED', {
        from: 'alan',
        text: '1',
      });
      expect(status).toBe('queued');
      await nothingQueued(service);
      expect(losses).toEqual([
        { id, event: 'MEMBER_MESSAGED', error: expect.any(SocketUnavailableError) as SocketUnavailableError },
      ]);
      expect(losses[0]?.error.lost).toEqual(['ada', 'alan']);
      expectNoSecrets(losses[0]?.error);
      expect(lines).toEqual([expect.stringMatching(`Relay ${id} .*lost.*HTTP 503`)]);
      expect(service.relays).toMatchObject({ sent: 0, failed: 1, queued: 0 });
    },
  );

  test('that finds no room to wait is lost, which is thrown where that is wanted', async () => {
    logged('warn');
    const api = await HttpApi.start(() => ({ status: 503 }));
    const { service } = await startApp(api, { failure: 'throw', delivery: { waitingRelays: 1 } });
    await service.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'alan', text: '1' });
    await expect(
      service.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'alan', text: '2' }),
    ).rejects.toThrow('1 of 1 relays are waiting already');
  });

  test('is tried once where that is wanted', async () => {
    logged('error');
    const api = await HttpApi.start(() => ({ status: 503 }));
    const { service } = await startApp(api, { delivery: { retryDeadlineMs: 0 } });
    expect(await service.broadcast('ANNOUNCED', { message: 'x' })).toMatchObject({ status: 'failed' });
    expect(await service.health()).not.toHaveProperty('delivery');
  });

  test('that waits while the application closes is tried a last time, and told as lost where that fails', async () => {
    logged('warn');
    logged('error');
    let isDown = true;
    const api = await HttpApi.start(() => (isDown ? { status: 503 } : undefined));
    // Long enough for closing to come first.
    const saved = await startApp(api, { delivery: { breakerFailures: 1 } });
    await saved.service.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'alan', text: '1' });
    const lost = await startApp(api, { delivery: { breakerFailures: 1 } });
    await lost.service.disconnectMember('ada');
    await lost.close();
    expect(lost.losses).toMatchObject([{ event: undefined, error: { lost: ['ada'] } }]);
    isDown = false;
    await saved.close();
    expect(saved.losses).toEqual([]);
    expect(saved.service.relays).toMatchObject({ sent: 1, queued: 0 });
  });

  test('to many, of whom one request fails, is sent again to those only', async () => {
    logged('warn');
    let left = 1;
    const api = await HttpApi.start(({ channels }) =>
      channels.includes('#server-to-user-m150') && left-- > 0 ? { status: 502 } : undefined,
    );
    const { service } = await startApp(api);
    const members = Array.from({ length: 200 }, (_, index) => `m${index}`);
    const { status } = await service.relayToMembers(members, 'MEMBER_MESSAGED', { from: 'a', text: 'b' });
    expect(status).toBe('queued');
    await nothingQueued(service);
    expect(api.received.map(({ channels }) => channels.length)).toEqual([100, 100, 100]);
    expect(new Set(api.received.at(-1)?.channels)).toEqual(
      new Set(members.slice(100).map((member) => `#server-to-user-${member}`)),
    );
  });
});

test('an event that was called for while the one before it failed does not overtake it', async () => {
  logged('warn');
  const held = gate();
  let left = 1;
  const api = await HttpApi.start(async () => {
    if (left-- <= 0) return undefined;
    await held.opened;
    return { status: 503 };
  });
  const { service } = await startApp(api);
  const relay = (text: string) => service.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'alan', text });
  const first = relay('1');
  await api.until(({ received }) => received.length === 1);
  const second = relay('2');
  held.open();
  expect(await Promise.all([first, second])).toMatchObject([{ status: 'queued' }, { status: 'queued' }]);
  await nothingQueued(service);
  const texts = api.events.map(({ data }) => (JSON.parse(String(data)) as { text: string }).text);
  expect(texts).toEqual(['1', '1', '2']);
});
