import { SocketRejectedError, SocketUnavailableError } from 'nestjs-switchboard';
import { rejection, startFake } from '../support/hosts.js';

const HELLO = { from: 'ada', text: 'hello' };

describe('faults', () => {
  test('failNext fails one call as a broken connection does, with its cause', async () => {
    const { fake, service } = await startFake();
    const alice = await fake.connect('alice');
    fake.faults.failNext(new Error('ECONNRESET'));
    const error = await rejection(service.relayToMembers(['alice', 'bob'], 'MEMBER_MESSAGED', HELLO));
    expect(error).toBeInstanceOf(SocketUnavailableError);
    expect(error).toMatchObject({ retryable: true, provider: 'memory', lost: ['alice', 'bob'] });
    expect((error as Error).message).toContain('"alice", "bob"');
    expect((error as Error).cause).toMatchObject({ message: 'ECONNRESET' });
    expect(alice).toHaveReceivedNothing();
    await service.relayToMember('alice', 'MEMBER_MESSAGED', HELLO);
    expect(alice.received).toHaveLength(1);
  });

  test('timeOutNext and rejectNext say what a retry would do, in the order they were ordered', async () => {
    const { fake, service } = await startFake();
    fake.faults.timeOutNext();
    fake.faults.rejectNext('over quota');
    fake.faults.rejectNext();
    const call = () => rejection(service.relayToMember('alice', 'MEMBER_MESSAGED', HELLO));
    expect(await call()).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retryable: true });
    const rejected = await call();
    expect(rejected).toBeInstanceOf(SocketRejectedError);
    expect(rejected).toMatchObject({ code: 'PROVIDER_REJECTED', retryable: false });
    expect((rejected as Error).message).toContain('over quota');
    expect(await call()).toMatchObject({ code: 'PROVIDER_REJECTED' });
    expect(await service.relayToMember('alice', 'MEMBER_MESSAGED', HELLO)).toMatchObject({ status: 'sent' });
  });

  test('goDown fails every call until comeBack, and connections stay', async () => {
    const { fake, service } = await startFake();
    const alice = await fake.connect('alice');
    fake.faults.goDown();
    expect(fake.faults.isDown).toBe(true);
    for (const call of [
      () => service.broadcast('TEST_TICKED'),
      () => service.relayToChannel('news', 'TEST_TICKED'),
      () => service.disconnectMember('alice'),
      () => service.onlineMembers(['alice']),
      () => service.channelMembers('presence-room'),
    ]) {
      expect(await rejection(call())).toBeInstanceOf(SocketUnavailableError);
    }
    expect(alice.isConnected).toBe(true);
    fake.faults.comeBack();
    expect(fake.faults.isDown).toBe(false);
    await service.broadcast('TEST_TICKED');
    expect(alice).toHaveReceived('TEST_TICKED');
  });

  test('is used up by the call it was ordered for and by no other', async () => {
    const { fake, service } = await startFake();
    fake.faults.failNext();
    await service.health();
    await fake.connect('alice');
    await expect(service.disconnectMember('alice')).rejects.toThrow(SocketUnavailableError);
    await expect(service.disconnectMember('alice')).resolves.toMatchObject({ status: 'sent' });
  });
});
