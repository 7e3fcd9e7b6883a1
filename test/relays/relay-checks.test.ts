import { type SocketService, SocketUsageError } from 'nestjs-switchboard';
import { HOSTILE_IDS } from '../support/hostile-ids.js';
import { type FakeHost, logged, rejection, startFake } from '../support/hosts.js';
import { titled } from '../support/titled.js';

/** The service as JavaScript sees it: nothing stops wrong arguments. */
type Untyped = Record<
  'relayToMember' | 'relayToMembers' | 'relayToChannel' | 'broadcast' | 'disconnectMember' | 'onlineMembers',
  (...args: unknown[]) => Promise<unknown>
>;
const untyped = (service: SocketService) => service as unknown as Untyped;

const GOOD_RELAYS: readonly [
  name: string,
  relay: (service: Untyped, ...rest: unknown[]) => Promise<unknown>,
][] = [
  ['relayToMember', (service, ...rest) => service.relayToMember('7', ...rest)],
  ['relayToMembers', (service, ...rest) => service.relayToMembers(['7', '8'], ...rest)],
  ['relayToChannel', (service, ...rest) => service.relayToChannel('news', ...rest)],
  ['broadcast', (service, ...rest) => service.broadcast(...rest)],
];

let host: FakeHost;
let service: Untyped;

beforeEach(async () => {
  host = await startFake();
  service = untyped(host.service);
});

/** Awaits a refusal and checks that nothing was sent. */
async function refusal(call: Promise<unknown>): Promise<SocketUsageError> {
  const error = await rejection(call);
  expect(error).toBeInstanceOf(SocketUsageError);
  expect(error).toMatchObject({ name: 'SocketUsageError', retryable: false });
  expect(host.fake.relayed).toEqual([]);
  expect(host.service.relays).toEqual({ sent: 0, failed: 0, queued: 0, retried: 0 });
  return error as SocketUsageError;
}

describe('a member id', () => {
  const TAKING_IDS: readonly [string, (id: unknown) => Promise<unknown>][] = [
    ['relayToMember', (id) => service.relayToMember(id, 'NOTED', {})],
    ['relayToMembers', (id) => service.relayToMembers(['good', id, 'better'], 'NOTED', {})],
    ['disconnectMember', (id) => service.disconnectMember(id)],
    ['onlineMembers', (id) => service.onlineMembers(['good', id])],
  ];
  const BAD_IDS: readonly [what: string, id: unknown, told: RegExp][] = [
    ['that is empty', '', /"".*empty/],
    ['of 256 characters', `long-${'x'.repeat(251)}`, /"long-x.*256 characters, 255 are allowed/],
    ['of a megabyte', 'x'.repeat(1_000_000), /^.{0,200}1000000 characters, 255 are allowed/],
    ['of 256 astral characters', '💬'.repeat(256), /256 characters, 255 are allowed/],
    ['with half of a character', 'a\ud83d', /"a\\ud83d".*lone surrogate/],
    ['with half of a character and a line break', '\udcac\n', /"\\udcac\\n".*lone surrogate/],
    ['that is a number', 7, /7.*number/],
    ['that is null', null, /null/],
    ['that is missing', undefined, /undefined/],
    ['that is an object', { id: '7' }, /object/],
    ['that is a symbol', Symbol('seven'), /symbol/],
  ];

  describe.each(TAKING_IDS)('given to %s', (_, call) => {
    test.each(BAD_IDS)('%s is refused', async (_what, id, told) => {
      const error = await refusal(call(id));
      expect(error.code).toBe('INVALID_MEMBER_ID');
      expect(error.message).toMatch(told);
      expect(error.message).not.toContain('\n');
    });

    test.each(titled(HOSTILE_IDS))('%s is taken', async (_what, id) => {
      await call(id);
      expect(host.service.relays.failed).toBe(0);
    });
  });
});

test('a member id that is an object without prototype, which no text can be made of, is refused like any other', async () => {
  await refusal(service.relayToMember(Object.create(null), 'NOTED', {}));
});

describe('a channel name', () => {
  test.each([
    ['that is empty', '', /"".*empty/],
    ['of 165 characters', `long-${'x'.repeat(160)}`, /"long-x.*165 characters, 164 are allowed/],
    ['with a space', 'a b', /"a b".*characters are allowed/],
    ["that is a member's own", '#server-to-user-7', /"#server-to-user-7"/],
    ['that is encrypted', 'private-encrypted-notes', /"private-encrypted-notes".*encrypted/],
    ['that is a number', 7, /7.*number/],
    ['that is missing', undefined, /undefined/],
  ])('%s is refused', async (_, channel, told) => {
    const error = await refusal(service.relayToChannel(channel, 'NOTED', {}));
    expect(error.code).toBe('INVALID_CHANNEL_NAME');
    expect(error.message).toMatch(told);
  });

  test.each(['x'.repeat(164), 'private-a', 'presence-a', 'cache-a', 'foo-private-encrypted-a'])(
    '%j is taken',
    async (channel) => {
      await service.relayToChannel(channel, 'NOTED', {});
      expect(host.fake.relayed).toContainEqual({ kind: 'channel', to: channel, event: 'NOTED', payload: {} });
    },
  );
});

describe.each(GOOD_RELAYS)('an event of %s', (_, relay) => {
  test.each([
    ['that is empty', '', /"".*empty/],
    ['of 201 characters', 'X'.repeat(201), /"XXX.*201 characters, 200 are allowed/],
    ["with the protocol's prefix", 'pusher:error', /"pusher:error".*reserved/],
    ["with the protocol's other prefix", 'pusher_internal:x', /"pusher_internal:x".*reserved/],
    ["with the clients' prefix", 'client-typing', /"client-typing".*reserved/],
    ['that is a number', 7, /7.*number/],
    ['that is missing', undefined, /undefined/],
  ])('%s is refused', async (_what, event, told) => {
    const error = await refusal(relay(service, event, {}));
    expect(error.code).toBe('INVALID_EVENT_NAME');
    expect(error.message).toMatch(told);
    expect(error.message.length).toBeLessThan(250);
  });

  test.each(['X'.repeat(200), 'member.deactivated', 'objednávka vyřízena', 'pusher', 'my-client-event'])(
    'named %j is taken',
    async (event) => {
      await relay(service, event, {});
      expect(host.fake.relayed[0]).toMatchObject({ event, payload: {} });
    },
  );

  test.each([12.5, { id: '1.2' }, ['1.2', 3], true])(
    'that leaves out the socket id %j, which no header can be, is refused',
    async (exceptSocketId) => {
      const error = await refusal(relay(service, 'NOTED', {}, { exceptSocketId }));
      expect(error.code).toBe('INVALID_SOCKET_ID');
      expect(error.message).toContain('it must be a text like "123.456", or what a header has');
    },
  );

  test.each([
    '',
    '7',
    '1.2.3',
    '1.2 ',
    'a.b',
    'undefined',
    null,
    '1.2\n',
    [],
    ['1.2', '3.4'],
    'x'.repeat(500),
  ])(
    'that leaves out %j, which a header may have, is sent to everybody, and a debug line says so',
    async (exceptSocketId) => {
      const debugged = logged('debug');
      await relay(service, 'NOTED', {}, { exceptSocketId });
      expect(host.service.relays).toMatchObject({ sent: 1 });
      expect(host.fake.relayed[0]).not.toHaveProperty('exceptSocketId');
      expect(debugged.lines.join('\n')).toMatch(
        /^exceptSocketId .* is no socket id like "123\.456": "NOTED"/,
      );
      expect(debugged.lines[0]?.length).toBeLessThan(250);
    },
  );

  test('that leaves out a well-formed socket id, or none, is taken', async () => {
    await relay(service, 'NOTED', {}, { exceptSocketId: '12.34' });
    await relay(service, 'NOTED', {}, { exceptSocketId: undefined });
    await relay(service, 'NOTED', {}, {});
    expect(host.service.relays).toEqual({ sent: 3, failed: 0, queued: 0, retried: 0 });
    expect(host.fake.relayed[0]).toMatchObject({ exceptSocketId: '12.34' });
    expect(host.fake.relayed.at(-1)).not.toHaveProperty('exceptSocketId');
  });
});

describe.each(GOOD_RELAYS)('a payload of %s', (_, relay) => {
  /** As JSON it is this many bytes: two are the quotes. */
  const letters = (bytes: number) => 'x'.repeat(bytes - 2);
  /** Two bytes for each letter. */
  const accents = (bytes: number) => 'é'.repeat((bytes - 2) / 2);

  test('of exactly 10 240 bytes is taken', async () => {
    await relay(service, 'NOTED', letters(10_240));
    await relay(service, 'NOTED', accents(10_240));
    expect(host.service.relays).toEqual({ sent: 2, failed: 0, queued: 0, retried: 0 });
  });

  test.each([
    ['of letters', letters(10_241), 10_241],
    ['of letters with accents, which count as bytes', `${accents(10_240)}x`, 10_241],
    ['of emoji', '👩‍🚀'.repeat(1_000), 11_002],
    ['of quotes, which JSON escapes', '"'.repeat(5_120), 10_242],
  ])('over that, %s, is refused', async (_what, payload, bytes) => {
    const error = await refusal(relay(service, 'NOTED', payload));
    expect(error.code).toBe('PAYLOAD_TOO_LARGE');
    expect(error.message).toMatch(new RegExp(`"NOTED".*${bytes} bytes.*10240`));
  });

  test('that JSON cannot carry is refused, with the cause kept', async () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    const broken = {
      toJSON: () => {
        throw new Error('no JSON of me');
      },
    };
    for (const payload of [cycle, { big: 10n }, () => 1, Symbol('s'), broken, { toJSON: () => undefined }]) {
      expect((await refusal(relay(service, 'NOTED', payload))).code).toBe('PAYLOAD_NOT_JSON');
    }
    expect((await refusal(relay(service, 'NOTED', broken))).message).toContain('no JSON of me');
    expect((await refusal(relay(service, 'NOTED', broken))).cause).toMatchObject({
      message: 'no JSON of me',
    });
  });

  test('may be absent, and is absent then', async () => {
    await relay(service, 'NOTED');
    expect(host.fake.relayed[0]).not.toHaveProperty('payload');
  });

  test('is sent as it was when the call was made, and read once', async () => {
    let reads = 0;
    const payload = {
      items: ['first'],
      get counted() {
        return ++reads;
      },
    };
    const call = relay(service, 'NOTED', payload);
    payload.items.push('second');
    await call;
    expect(host.fake.relayed[0]?.payload).toEqual({ items: ['first'], counted: 1 });
    expect(reads).toBe(1);
  });
});

test('a mistake is found before the provider is asked, and uses up no ordered failure', async () => {
  host.fake.faults.goDown();
  await refusal(service.relayToMember('', 'NOTED', {}));
  host.fake.faults.comeBack();
  host.fake.faults.failNext();
  await refusal(service.relayToMember('7', 'client-x', {}));
  await expect(service.relayToMember('7', 'NOTED', {})).rejects.toMatchObject({
    code: 'PROVIDER_UNAVAILABLE',
  });
});

test('a mistake rejects; it is never thrown at the caller before there is a promise', async () => {
  const calls = [
    service.relayToMember('', 'NOTED'),
    service.relayToMembers([''], 'NOTED'),
    service.relayToChannel('a b', 'NOTED'),
    service.broadcast('pusher:x'),
    service.disconnectMember(''),
    service.onlineMembers(['']),
  ];
  const outcomes = await Promise.allSettled(calls);
  expect(outcomes.map(({ status }) => status)).toEqual(calls.map(() => 'rejected'));
});

test('one bad id among many refuses the whole call, so that nobody was sent to', async () => {
  const alice = await host.fake.connect('alice');
  await refusal(service.relayToMembers(['alice', ''], 'NOTED', {}));
  expect(alice).toHaveReceivedNothing();
});
