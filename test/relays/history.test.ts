import {
  AuthorizeChannel,
  type ChannelAuthorizer,
  createSocketClient,
  type HistoryOf,
  type HistoryOptions,
  socketConfig,
  type SocketModuleOptions,
} from 'nestjs-switchboard';
import { SocketRuntime } from '../../src/runtime/socket-runtime.js';
import { logged, rejection, startFake } from '../support/hosts.js';
import { onTeardown } from '../support/teardown.js';

const NOTED = 'TEST_NOTED' as never;
const ORDERS = 'private-orders.7';
const NOTES = 'private-encrypted-notes.7';

@AuthorizeChannel('private-orders.{id}')
class OrdersChannel implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}

const start = (options: SocketModuleOptions = {}) =>
  startFake(
    {
      history: { channels: ['members', 'broadcast', 'private-orders.{id}', 'private-encrypted-notes.{id}'] },
      encryptionMasterKey: Buffer.alloc(32, 7).toString('base64'),
      ...options,
    },
    { providers: [OrdersChannel] },
  );

/** A client whose log is in a Redis that nobody can reach. */
async function startAway(failure: 'report' | 'throw') {
  const lines: string[] = [];
  const config = socketConfig(
    { SOCKET_REDIS_URL: 'redis://127.0.0.1:1' },
    { provider: 'ws', cluster: 'redis', failure, history: { channels: ['members'] } },
  );
  const log = (line: string) => void lines.push(line);
  const client = await createSocketClient(config, { log, warn: log, error: log });
  onTeardown(() => client.close());
  return { client, lines };
}

describe('history', () => {
  test.each<[name: string, of: HistoryOf]>([
    ['a channel', ORDERS],
    ['a member', { member: 'auth0|ada' }],
    ['the broadcast channel', 'broadcast'],
    ['an encrypted channel, decrypted', NOTES],
  ])(
    'has the events of %s, the oldest first, with their payloads, positions and times',
    async (_name, of) => {
      const { service, fake } = await start();
      const relay = (payload: unknown) => {
        if (typeof of === 'object') return service.relayToMember(of.member, NOTED, payload as never);
        if (of === 'broadcast') return service.broadcast(NOTED, payload as never);
        return service.relayToChannel(of, NOTED, payload as never);
      };
      const at = Date.UTC(2026, 0, 1);
      const before = await service.livePosition(of);
      for (const payload of [{ id: 7 }, '123', '', undefined]) {
        await relay(payload);
        fake.advance(1_000);
      }
      const epoch = before?.replace(/\.0$/, '');
      expect(await service.history(of)).toEqual([
        { event: NOTED, payload: { id: 7 }, position: `${epoch}.1`, at: new Date(at) },
        { event: NOTED, payload: '123', position: `${epoch}.2`, at: new Date(at + 1_000) },
        { event: NOTED, payload: '', position: `${epoch}.3`, at: new Date(at + 2_000) },
        { event: NOTED, payload: undefined, position: `${epoch}.4`, at: new Date(at + 3_000) },
      ]);
      expect(await service.livePosition(of)).toBe(`${epoch}.4`);
    },
  );

  test('pages backwards, with the position of the oldest event so far', async () => {
    const { service } = await start();
    for (let n = 1; n <= 7; n++) await service.relayToChannel(ORDERS, NOTED, n as never);
    const pages: unknown[][] = [];
    for (let options: HistoryOptions = { limit: 3 }; ;) {
      const page = (await service.history(ORDERS, options)) ?? [];
      if (page.length === 0) break;
      pages.push(page.map(({ payload }) => payload));
      options = { limit: 3, before: page[0]?.position };
    }
    expect(pages).toEqual([[5, 6, 7], [2, 3, 4], [1]]);
  });

  test('has the last 100 events unless told otherwise, and none that are too old', async () => {
    const { service, fake } = await start({
      history: { channels: ['private-orders.{id}'], ageS: 60 },
    });
    for (let n = 1; n <= 120; n++) await service.relayToChannel(ORDERS, NOTED, n as never);
    const last = await service.history(ORDERS);
    expect([last?.length, last?.[0]?.payload]).toEqual([100, 21]);
    expect(await service.history(ORDERS, { limit: 1_000 })).toHaveLength(120);
    fake.advance(60_000);
    expect(await service.history(ORDERS)).toEqual([]);
  });

  test('has nothing before a position of another log', async () => {
    const { service } = await start();
    await service.relayToChannel(ORDERS, NOTED, 1 as never);
    expect(await service.history(ORDERS, { before: 'another.5' })).toEqual([]);
  });

  test('leaves out an event that is encrypted with another key, as browsers do', async () => {
    const { app, service } = await start();
    const [provider] = app.get(SocketRuntime).providers;
    await provider?.engine?.publish(NOTES, 'by-another-backend', '{"nonce":"AA==","ciphertext":"AA=="}');
    await provider?.engine?.publish(NOTES, 'plain', '{"id":7}');
    await service.relayToChannel(NOTES, NOTED, 1 as never);
    expect(await service.history(NOTES)).toMatchObject([{ event: NOTED, payload: 1 }]);
  });

  test('has no client events, which the application did not relay', async () => {
    const { service, fake } = await start({ gateway: { clientEvents: true } });
    const [ada, alan] = [await fake.connect('ada'), await fake.connect('alan')];
    for (const member of [ada, alan]) await member.subscribe(ORDERS);
    ada.trigger(ORDERS, 'client-typing');
    expect(alan).toHaveReceived('client-typing' as never);
    expect(await service.history(ORDERS)).toEqual([]);
  });

  test('is answered at once inside afterCommit, without the relays that wait for the commit', async () => {
    const { service } = await start();
    const inside = await service.afterCommit(async () => {
      await service.relayToChannel(ORDERS, NOTED, 1 as never);
      return service.history(ORDERS);
    });
    expect(inside).toEqual([]);
    expect(await service.history(ORDERS)).toHaveLength(1);
  });

  test.each<[what: string, said: string, of: unknown, options: unknown]>([
    ['a channel without history', 'Channel "news" has no history: SOCKET_HISTORY has no entry', 'news', {}],
    ['a name that is none', 'Invalid channel name "a b": only these characters are allowed', 'a b', {}],
    [
      'a member’s own channel by its name',
      'Invalid channel name "#server-to-user-ada"',
      '#server-to-user-ada',
      {},
    ],
    ['no channel', 'Invalid channel name undefined', undefined, undefined],
    ['a bad member id', 'Invalid member id ""', { member: '' }, {}],
    [
      'an object of another kind',
      'history({ member }): the object must have no "memberId"',
      { memberId: 'ada' },
      {},
    ],
    [
      'a limit of 0',
      'history(…, { limit }): limit must be a whole number from 1 on; it is 0',
      ORDERS,
      { limit: 0 },
    ],
    ['a limit that is a text', 'limit must be a whole number from 1 on; it is "5"', ORDERS, { limit: '5' }],
    [
      'a bad position',
      'before must be the position of an event, like "1k2x.12"; it is "7"',
      ORDERS,
      { before: '7' },
    ],
    ['options that are none', 'history(of, options): options must be an object', ORDERS, 5],
    ['an option that there is not', 'options must have no "max"', ORDERS, { max: 5 }],
  ])('of %s is a mistake of the caller', async (_what, said, of, options) => {
    const { service } = await start();
    const error = await rejection(service.history(of as HistoryOf, options as HistoryOptions));
    expect(error).toMatchObject({
      name: 'SocketUsageError',
      message: expect.stringContaining(said) as string,
    });
  });

  test('of a member, and of the broadcast channel, names the missing word of SOCKET_HISTORY', async () => {
    const { service } = await start({ history: { channels: [] } });
    await expect(service.history({ member: 'ada' })).rejects.toThrow(
      'Member "ada" has no history: SOCKET_HISTORY has no entry "members"',
    );
    for (const call of [service.history('broadcast'), service.livePosition('broadcast')])
      await expect(call).rejects.toThrow(
        'Channel "broadcast" has no history: SOCKET_HISTORY has no entry "broadcast"',
      );
  });

  test('of an encrypted channel without a key is a mistake of the caller', async () => {
    const { service } = await start({ encryptionMasterKey: undefined as never });
    await expect(service.history(NOTES)).rejects.toThrow('there is no SOCKET_ENCRYPTION_MASTER_KEY');
  });
});

describe('where the log cannot be reached', () => {
  test('history and livePosition are undefined, and the log says so', async () => {
    const { client, lines } = await startAway('report');
    expect(await client.history({ member: 'ada' })).toBeUndefined();
    expect(await client.livePosition({ member: 'ada' })).toBeUndefined();
    const said = 'Could not ask "ws" for the history of "#server-to-user-ada": ';
    expect(lines.filter((line) => line.startsWith(said))).toHaveLength(2);
  });

  test('they reject with SOCKET_FAILURE=throw', async () => {
    logged('warn');
    const { client } = await startAway('throw');
    const expected = { code: 'PROVIDER_UNAVAILABLE', retryable: true, provider: 'ws', lost: [] };
    await expect(client.history({ member: 'ada' })).rejects.toMatchObject(expected);
    await expect(client.livePosition({ member: 'ada' })).rejects.toMatchObject(expected);
  });
});
