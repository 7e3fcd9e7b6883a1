import type { EventName, PayloadOf, SocketService } from 'nestjs-switchboard';
import type { SwitchboardSocket } from 'nestjs-switchboard/browser';
import { startFake } from '../../support/hosts.js';
import type { Pusher } from '../../support/pusher-browser.js';

// The reference backend's events (src/reference/members/events.ts) are the map in force here; these are this file's own.
declare module 'nestjs-switchboard' {
  interface SocketEvents {
    TEST_TICKED: undefined;
    TEST_MAYBE: { n: number } | undefined;
    TEST_LIST: readonly string[];
  }
}

/** Every line here is the compiler's to judge (`npm run typecheck`); none is ever run. */
export const judged = {
  async rightCalls(service: SocketService): Promise<void> {
    await service.relayToMember('7', 'MEMBER_DEACTIVATED', { memberId: '7', occurredAt: 'now' });
    await service.relayToMembers(
      ['7'],
      'MEMBER_MESSAGED',
      { from: '8', text: 'hi' },
      { exceptSocketId: '1.2' },
    );
    await service.relayToChannel('news', 'ANNOUNCED', { message: 'hi' });
    await service.broadcast('ANNOUNCED', { message: 'hi' });
    await service.broadcast('TEST_TICKED');
    await service.broadcast('TEST_TICKED', undefined, { exceptSocketId: '1.2' });
    await service.broadcast('TEST_MAYBE');
    await service.broadcast('TEST_MAYBE', { n: 1 });
    await service.broadcast('TEST_LIST', ['a']);
  },

  async wrongCalls(service: SocketService): Promise<void> {
    // @ts-expect-error -- no such event
    await service.relayToMember('7', 'MEMBER_DEACTIVATD', { memberId: '7', occurredAt: 'now' });
    // @ts-expect-error -- no such event
    await service.broadcast('announced', { message: 'hi' });
    // @ts-expect-error -- a field is missing
    await service.relayToMember('7', 'MEMBER_DEACTIVATED', { memberId: '7' });
    // @ts-expect-error -- a field too many
    await service.relayToMembers(['7'], 'MEMBER_MESSAGED', { from: '8', text: 'hi', cc: '9' });
    // @ts-expect-error -- a field of another type
    await service.relayToChannel('news', 'ANNOUNCED', { message: 7 });
    // @ts-expect-error -- another event's payload
    await service.broadcast('ANNOUNCED', { from: '8', text: 'hi' });
    // @ts-expect-error -- the payload is missing
    await service.broadcast('ANNOUNCED');
    // @ts-expect-error -- it has no payload
    await service.broadcast('TEST_TICKED', { n: 1 });
    // @ts-expect-error -- no such option
    await service.broadcast('ANNOUNCED', { message: 'hi' }, { except: '1.2' });
    // @ts-expect-error -- a member id is a text
    await service.relayToMember(7, 'ANNOUNCED', { message: 'hi' });
    // @ts-expect-error -- one id is no list
    await service.relayToMembers('7', 'ANNOUNCED', { message: 'hi' });
  },

  handlers(socket: SwitchboardSocket<Pusher>): void {
    socket.onMember('MEMBER_MESSAGED', ({ from, text }) => from.toUpperCase() + text.toUpperCase());
    socket.onBroadcast('ANNOUNCED', ({ message }: { message: string }) => message);
    // @ts-expect-error -- no such event
    socket.onMember('MEMBER_MESSAGD', () => undefined);
    // @ts-expect-error -- the payload's field has another type
    socket.onBroadcast('ANNOUNCED', ({ message }: { message: number }) => message);
    // @ts-expect-error -- the payload has no such field
    socket.onBroadcast('ANNOUNCED', ({ text }: { text: string }) => text);
  },

  types(): readonly unknown[] {
    const payload: PayloadOf<'MEMBER_DEACTIVATED'> = { memberId: '7', occurredAt: 'now' };
    const name: EventName = 'MEMBER_DEACTIVATED';
    // @ts-expect-error -- names are those of the map
    const other: EventName = 'SOMETHING_ELSE';
    // @ts-expect-error -- its payload is another one
    const empty: PayloadOf<'MEMBER_DEACTIVATED'> = {};
    return [payload, name, other, empty];
  },
};

test('an event that is declared without a payload is relayed without one', async () => {
  const { service, fake } = await startFake();
  const alice = await fake.connect('alice');
  await service.broadcast('TEST_TICKED');
  await service.relayToMember('alice', 'TEST_TICKED', undefined, { exceptSocketId: '1.2' });
  expect(alice.received).toMatchObject([
    { event: 'TEST_TICKED', payload: undefined },
    { event: 'TEST_TICKED', payload: undefined },
  ]);
});
