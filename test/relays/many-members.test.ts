import { logged, rejection, startFake } from '../support/hosts.js';

const MANY = 3_000;
const ids = Array.from({ length: MANY }, (_, number) => `member-${number}`);
const HELLO = { from: 'ada', text: 'hello' };
const last = `member-${MANY - 1}`;

describe('a relay to many members', () => {
  test('reaches each of them once, however often they are listed', async () => {
    const { service, fake } = await startFake();
    const receipt = await service.relayToMembers([...ids, ...ids], 'MEMBER_MESSAGED', HELLO);
    expect(receipt.status).toBe('sent');
    expect(fake.relayed.map(({ to }) => to)).toEqual(ids);
  });

  test('keeps its place among the calls, of which none waits for another', async () => {
    const { service, fake } = await startFake();
    const said = (text: string) => ({ from: 'ada', text });
    await Promise.all([
      service.relayToMember(last, 'MEMBER_MESSAGED', said('1')),
      service.relayToMembers(ids, 'MEMBER_MESSAGED', said('2')),
      service.relayToMember(last, 'MEMBER_MESSAGED', said('3')),
      service.relayToMembers(ids, 'MEMBER_MESSAGED', said('4')),
      service.relayToMembers([last, 'ada'], 'MEMBER_MESSAGED', said('5')),
    ]);
    const heard = fake.relayed.filter(({ to }) => to === last).map(({ payload }) => payload);
    expect(heard).toEqual(['1', '2', '3', '4', '5'].map(said));
  });

  test('has the members and the payload of the moment of the call', async () => {
    const { service, fake } = await startFake();
    const [members, payload] = [[...ids], { ...HELLO }];
    const sent = service.relayToMembers(members, 'MEMBER_MESSAGED', payload);
    members.splice(0, MANY, 'mallory');
    payload.text = 'changed';
    await sent;
    expect(fake.relayed).toHaveLength(MANY);
    expect(fake.relayed.at(-1)).toMatchObject({ to: last, payload: HELLO });
  });

  test('reaches nobody when one of them is no member, and the calls after it go on', async () => {
    const { service, fake } = await startFake();
    const wrong = rejection(service.relayToMembers([...ids, ''], 'MEMBER_MESSAGED', HELLO));
    await service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO);
    expect(await wrong).toMatchObject({ code: 'INVALID_MEMBER_ID' });
    expect(fake.relayed.map(({ to }) => to)).toEqual(['ada']);
  });

  test('waits for the commit in its place, and says that it is queued', async () => {
    const { service, fake } = await startFake();
    await service.afterCommit(async () => {
      void service.relayToMember(last, 'MEMBER_MESSAGED', { from: 'ada', text: '1' });
      const receipt = await service.relayToMembers(ids, 'MEMBER_MESSAGED', { from: 'ada', text: '2' });
      expect(receipt.status).toBe('queued');
      // This one is still checked when the transaction commits.
      void service.relayToMembers(ids, 'MEMBER_MESSAGED', { from: 'ada', text: '3' });
      void service.relayToMember(last, 'MEMBER_MESSAGED', { from: 'ada', text: '4' });
      fake.assertNothingRelayed();
    });
    await service.relayToMember(last, 'MEMBER_MESSAGED', { from: 'ada', text: '5' });
    const heard = fake.relayed.filter(({ to }) => to === last);
    expect(heard.map(({ payload }) => (payload as { text: string }).text)).toEqual(['1', '2', '3', '4', '5']);
  });

  test('within a transaction, one that is wrong rejects, and is not sent, nor logged, at the commit', async () => {
    const errors = logged('error');
    const { service, fake } = await startFake();
    await service.afterCommit(async () => {
      const wrong = service.relayToMembers([...ids, ''], 'MEMBER_MESSAGED', HELLO);
      expect(await rejection(wrong)).toMatchObject({ code: 'INVALID_MEMBER_ID' });
    });
    await service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO);
    expect(fake.relayed.map(({ to }) => to)).toEqual(['ada']);
    expect(errors.lines).toEqual([]);
  });
});
