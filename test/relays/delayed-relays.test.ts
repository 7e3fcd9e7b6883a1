import { type LostRelay, SocketUsageError } from 'nestjs-switchboard';
import { logged, rejection, startFake } from '../support/hosts.js';

const HELLO = { from: 'ada', text: 'hello' };
const MINUTE = 60_000;

describe('a relay for later, without a queue', () => {
  test('is sent when its time has come, and not before', async () => {
    const { service, fake } = await startFake();
    const { status } = await service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO, { delayMs: MINUTE });
    expect(status).toBe('queued');
    expect(service.relays).toMatchObject({ sent: 0, queued: 1 });
    fake.advance(MINUTE - 1);
    await fake.settled();
    fake.assertNothingRelayed('ada');
    fake.advance(1);
    await fake.settled();
    fake.assertRelayed('ada', 'MEMBER_MESSAGED', HELLO);
    expect(service.relays).toEqual({ sent: 1, failed: 0, queued: 0, retried: 0 });
  });

  test('is what it was when it was asked for, whatever becomes of the object', async () => {
    const { service, fake } = await startFake();
    const payload = { ...HELLO };
    await service.relayToMember('ada', 'MEMBER_MESSAGED', payload, { delayMs: MINUTE });
    payload.text = 'changed';
    fake.advance(MINUTE);
    await fake.settled();
    fake.assertRelayed('ada', 'MEMBER_MESSAGED', HELLO);
  });

  test('is possible for every kind of relay, and 0 is now', async () => {
    const { service, fake } = await startFake();
    const options = { delayMs: MINUTE };
    await service.relayToMembers(['ada', 'alan'], 'MEMBER_MESSAGED', HELLO, options);
    await service.relayToChannel('orders', 'MEMBER_MESSAGED', HELLO, options);
    await service.broadcast('MEMBER_MESSAGED', HELLO, options);
    expect((await service.broadcast('ANNOUNCED', { message: 'now' }, { delayMs: 0 })).status).toBe('sent');
    expect(service.relays).toMatchObject({ sent: 1, queued: 3 });
    fake.advance(MINUTE);
    await fake.settled();
    expect(service.relays).toMatchObject({ sent: 4, queued: 0 });
  });

  test('counts its time from the commit', async () => {
    const { service, fake } = await startFake();
    await service.afterCommit(async () => {
      await service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO, { delayMs: MINUTE });
      fake.advance(MINUTE);
      await fake.settled();
    });
    fake.assertNothingRelayed('ada');
    fake.advance(MINUTE);
    await fake.settled();
    fake.assertRelayed('ada', 'MEMBER_MESSAGED', HELLO);
  });

  test('is reported where it fails when its time has come, whatever the failure policy says', async () => {
    logged('error');
    const losses: LostRelay[] = [];
    const onRelayError = (lost: LostRelay) => void losses.push(lost);
    const { service, fake } = await startFake({ failure: 'throw', onRelayError });
    const { id } = await service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO, { delayMs: MINUTE });
    fake.faults.failNext();
    fake.advance(MINUTE);
    await fake.settled();
    expect(losses).toEqual([expect.objectContaining({ id, event: 'MEMBER_MESSAGED' })]);
  });

  test('is reported as lost where the application closed before its delay was over', async () => {
    const errors = logged('error');
    const losses: LostRelay[] = [];
    const { service, app } = await startFake({ onRelayError: (lost) => void losses.push(lost) });
    const { id } = await service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO, { delayMs: MINUTE });
    await app.close();
    expect(losses).toMatchObject([{ id, error: { lost: ['ada'], retryable: true } }]);
    expect(errors.lines).toEqual([expect.stringMatching('the application closed before its delay was over')]);
    expect(service.relays).toMatchObject({ failed: 1, queued: 0 });
  });

  test('finds room for as many as may wait', async () => {
    const { service } = await startFake({ failure: 'report', delivery: { waitingRelays: 2 } });
    logged('error');
    const relay = () => service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO, { delayMs: MINUTE });
    expect([(await relay()).status, (await relay()).status]).toEqual(['queued', 'queued']);
    const { status, error } = await relay();
    expect(status).toBe('failed');
    expect(error?.message).toMatch(/2 of 2 relays are waiting already/);
  });

  test.each([[-1], [1.5], [Number.NaN], [2 ** 31], [Number.POSITIVE_INFINITY]])(
    'is refused where its time is %p',
    async (delayMs) => {
      const { service } = await startFake();
      const refusal = await rejection(service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO, { delayMs }));
      expect(refusal).toBeInstanceOf(SocketUsageError);
      expect(refusal).toMatchObject({
        code: 'INVALID_DELAY',
        message: `Invalid delayMs ${delayMs}: it must be a whole number of milliseconds from 0 to 2147483647`,
      });
    },
  );
});
