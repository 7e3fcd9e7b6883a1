import {
  type RelayOptions,
  SocketRejectedError,
  type SocketService,
  SocketUnavailableError,
} from 'nestjs-switchboard';
import { startFake } from '../../support/hosts.js';

const HELLO = { from: 'ada', text: 'hello' };

describe('a relay', () => {
  test('to a member reaches every tab of that member, with its payload', async () => {
    const { service, fake } = await startFake();
    const [left, right, other] = [
      await fake.connect('alice'),
      await fake.connect('alice'),
      await fake.connect('bob'),
    ];
    await service.relayToMember('alice', 'MEMBER_MESSAGED', HELLO);
    expect(left).toHaveReceived('MEMBER_MESSAGED', HELLO);
    expect(right).toHaveReceived('MEMBER_MESSAGED', HELLO);
    expect(other).toHaveReceivedNothing();
  });

  test('to several members reaches each once, however often one is listed', async () => {
    const { service, fake } = await startFake();
    const [alice, bob] = [await fake.connect('alice'), await fake.connect('bob')];
    await service.relayToMembers(['alice', 'bob', 'alice', 'nobody', 'bob'], 'MEMBER_MESSAGED', HELLO);
    expect(alice.received).toHaveLength(1);
    expect(bob.received).toHaveLength(1);
    expect(fake.relayed.map(({ to }) => to)).toEqual(['alice', 'bob', 'nobody']);
  });

  test('to nobody listed is no error', async () => {
    const { service, fake } = await startFake();
    expect(await service.relayToMembers([], 'MEMBER_MESSAGED', HELLO)).toMatchObject({ status: 'sent' });
    fake.assertNothingRelayed();
  });

  test('to a list that the caller empties afterwards reaches those who were on it', async () => {
    const { service, fake } = await startFake();
    const members = ['alice', 'bob'];
    const call = service.relayToMembers(members, 'MEMBER_MESSAGED', HELLO);
    members.length = 0;
    await call;
    expect(fake.relayed.map(({ to }) => to)).toEqual(['alice', 'bob']);
  });

  test('to a channel reaches its subscribers, and a broadcast reaches everybody', async () => {
    const { service, fake } = await startFake();
    const [inside, outside] = [await fake.connect('alice'), await fake.connect('bob')];
    await inside.subscribe('news');
    await service.relayToChannel('news', 'ANNOUNCED', { message: 'inside' });
    await service.broadcast('ANNOUNCED', { message: 'all' });
    expect(inside.received.map(({ payload }) => payload)).toEqual([
      { message: 'inside' },
      { message: 'all' },
    ]);
    expect(outside.received.map(({ payload }) => payload)).toEqual([{ message: 'all' }]);
  });

  test('leaves out the connection it is told to', async () => {
    const { service, fake } = await startFake();
    const [sender, other] = [await fake.connect('alice'), await fake.connect('alice')];
    const except = { exceptSocketId: sender.socketId };
    await service.relayToMember('alice', 'MEMBER_MESSAGED', HELLO, except);
    await service.relayToMembers(['alice'], 'MEMBER_MESSAGED', HELLO, except);
    await service.relayToChannel('broadcast', 'ANNOUNCED', { message: 'x' }, except);
    await service.broadcast('ANNOUNCED', { message: 'y' }, except);
    expect(sender).toHaveReceivedNothing();
    expect(other.received).toHaveLength(4);
  });
});

describe('disconnectMember', () => {
  test("ends every connection of the member for good, and nobody else's", async () => {
    const { service, fake } = await startFake();
    const tabs = [await fake.connect('alice'), await fake.connect('alice')];
    const bob = await fake.connect('bob');
    expect(await service.disconnectMember('alice')).toMatchObject({ status: 'sent' });
    for (const tab of tabs) expect(tab.closeCode).toBe(4009);
    expect(bob).not.toBeDisconnected();
  });

  test('lets the member come back when identify lets it', async () => {
    const { service, fake } = await startFake();
    await service.disconnectMember('alice');
    const alice = await fake.connect('alice');
    await service.relayToMember('alice', 'MEMBER_MESSAGED', HELLO);
    expect(alice).toHaveReceived('MEMBER_MESSAGED', HELLO);
  });
});

describe('a receipt', () => {
  const CALLS: readonly [
    string,
    (service: SocketService) => ReturnType<SocketService['disconnectMember']>,
  ][] = [
    ['relayToMember', (service) => service.relayToMember('7', 'MEMBER_MESSAGED', HELLO)],
    ['relayToMembers', (service) => service.relayToMembers(['7', '8'], 'MEMBER_MESSAGED', HELLO)],
    ['relayToChannel', (service) => service.relayToChannel('news', 'MEMBER_MESSAGED', HELLO)],
    ['broadcast', (service) => service.broadcast('MEMBER_MESSAGED', HELLO)],
    ['disconnectMember', (service) => service.disconnectMember('7')],
  ];

  test.each(CALLS)('of %s says that it was sent, under an id of its own', async (_, call) => {
    const { service } = await startFake();
    const receipts = [await call(service), await call(service)];
    for (const receipt of receipts)
      expect(receipt).toEqual({ id: expect.any(String) as string, status: 'sent' });
    expect(new Set(receipts.map(({ id }) => id)).size).toBe(2);
  });

  const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  const WITH_OPTIONS: readonly [
    string,
    (service: SocketService, options: RelayOptions) => ReturnType<SocketService['disconnectMember']>,
  ][] = [
    ['relayToMember', (service, options) => service.relayToMember('7', 'MEMBER_MESSAGED', HELLO, options)],
    [
      'relayToMembers',
      (service, options) => service.relayToMembers(['7'], 'MEMBER_MESSAGED', HELLO, options),
    ],
    [
      'relayToChannel',
      (service, options) => service.relayToChannel('news', 'MEMBER_MESSAGED', HELLO, options),
    ],
    ['broadcast', (service, options) => service.broadcast('MEMBER_MESSAGED', HELLO, options)],
  ];

  test.each(WITH_OPTIONS)(
    'of %s has a fresh id, although the options have an id of their own',
    async (_, call) => {
      const { service, fake } = await startFake();
      const options = { id: 'order 7', exceptSocketId: '1.2' };
      const receipts = [await call(service, options), await call(service, options)];
      for (const receipt of receipts)
        expect(receipt).toEqual({ id: expect.stringMatching(UUID) as string, status: 'sent' });
      expect(new Set(receipts.map(({ id }) => id)).size).toBe(2);
      expect(fake.relayed).toMatchObject([{ exceptSocketId: '1.2' }, { exceptSocketId: '1.2' }]);
    },
  );

  test.each(WITH_OPTIONS)('of %s is the same with null instead of options', async (_, call) => {
    const { service } = await startFake();
    const receipt = await call(service, null as unknown as RelayOptions);
    expect(receipt).toEqual({ id: expect.stringMatching(UUID) as string, status: 'sent' });
  });

  test.each(CALLS)('of %s says why it failed, when failures are reported', async (_, call) => {
    const { service, fake } = await startFake({ failure: 'report' });
    fake.faults.failNext(new Error('ECONNRESET'));
    const receipt = await call(service);
    expect(receipt).toEqual({
      id: expect.any(String) as string,
      status: 'failed',
      error: expect.any(SocketUnavailableError) as SocketUnavailableError,
    });
    expect(receipt.error).toMatchObject({
      provider: 'memory',
      retryable: true,
      cause: { message: 'ECONNRESET' },
    });
    expect(receipt.error?.lost).not.toEqual([]);
    fake.assertNothingRelayed();
  });

  test.each(CALLS)('of %s is an error instead, when failures are thrown', async (_, call) => {
    const { service, fake } = await startFake({ failure: 'throw' });
    fake.faults.rejectNext('over quota');
    const failing = call(service);
    await expect(failing).rejects.toThrow(SocketRejectedError);
    await expect(failing).rejects.toThrow('over quota');
    await expect(failing).rejects.toMatchObject({ code: 'PROVIDER_REJECTED', retryable: false });
    expect(await call(service)).toMatchObject({ status: 'sent' });
  });
});

describe('onlineMembers', () => {
  test('says who is signed in, among those asked for', async () => {
    const { service, fake } = await startFake();
    const alice = await fake.connect('alice');
    await fake.connect('alice');
    const bob = await fake.connect('bob');
    await fake.connect('carol');
    expect(await service.onlineMembers(['alice', 'bob', 'dave', 'alice'])).toEqual(new Set(['alice', 'bob']));
    alice.disconnect();
    bob.disconnect();
    expect(await service.onlineMembers(['alice', 'bob'])).toEqual(new Set(['alice']));
    expect(await service.onlineMembers([])).toEqual(new Set());
  });

  test('names those asked for where the provider fails, and where it is closed', async () => {
    const { service, fake, app } = await startFake({ failure: 'throw' });
    const asked = ['alice', 'bob'];
    fake.faults.failNext();
    const unavailable = { code: 'PROVIDER_UNAVAILABLE', provider: 'memory', lost: asked };
    await expect(service.onlineMembers(asked)).rejects.toMatchObject(unavailable);
    fake.faults.rejectNext('over quota');
    const rejected = { code: 'PROVIDER_REJECTED', provider: 'memory', lost: asked };
    await expect(service.onlineMembers(asked)).rejects.toMatchObject(rejected);
    await app.close();
    await expect(service.onlineMembers(asked)).rejects.toMatchObject(unavailable);
  });

  test('is no relay, and leaves the counts alone', async () => {
    const { service, fake } = await startFake({ failure: 'report' });
    await service.onlineMembers(['alice']);
    fake.faults.failNext();
    await service.onlineMembers(['alice']);
    expect(service.relays).toEqual({ sent: 0, failed: 0, queued: 0, retried: 0 });
    fake.assertNothingRelayed();
  });
});

describe('health', () => {
  test('says how many connections there are', async () => {
    const { service, fake } = await startFake();
    expect(await service.health()).toEqual({ status: 'up', connections: 0 });
    await fake.connect('alice');
    expect(await service.health()).toEqual({ status: 'up', connections: 1 });
  });

  test('says that the provider is down and why, without rejecting, until it comes back', async () => {
    const { service, fake } = await startFake({ failure: 'throw' });
    fake.faults.goDown();
    expect(await service.health()).toMatchObject({ status: 'down', reason: expect.any(String) as string });
    fake.faults.comeBack();
    expect(await service.health()).toMatchObject({ status: 'up' });
  });

  test('says that the provider is down once the application is closed', async () => {
    const { service, app } = await startFake();
    await app.close();
    expect(await service.health()).toMatchObject({ status: 'down' });
  });
});

test('the provider in force is the service’s to tell', async () => {
  const { service } = await startFake();
  expect(service.provider).toBe('memory');
});
