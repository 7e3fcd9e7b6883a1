import { expect as importedExpect } from '@jest/globals';
import type { FakeMember, SocketFake } from 'nestjs-switchboard/testing';
import { startFake } from '../support/hosts.js';

/** Every line here is the compiler's to judge (`npm run typecheck`); none is ever run. */
export const judged = {
  rightCalls(fake: SocketFake, ada: FakeMember): void {
    for (const it of [expect(ada), importedExpect(ada)]) {
      it.toHaveReceived('MEMBER_MESSAGED');
      it.toHaveReceived('MEMBER_MESSAGED', { from: 'alan', text: 'hi' });
      it.toHaveReceived('MEMBER_MESSAGED', ({ text }) => text.startsWith('h'));
      it.toHaveReceived('MEMBER_MESSAGED', importedExpect.objectContaining({ text: 'hi' }));
      it.toHaveReceived('MEMBER_MESSAGED', { from: importedExpect.any(String), text: 'hi' });
      it.toHaveReceived('TEST_TICKED');
      it.toHaveReceived('client-typing', { anything: true });
      it.toHaveReceivedNothing();
      it.toBeDisconnected();
    }
    fake.assertRelayed('ada', 'MEMBER_MESSAGED', { from: 'alan', text: 'hi' });
    fake.assertRelayedToChannel('news', 'ANNOUNCED', ({ message }) => message !== '');
    fake.assertBroadcast('ANNOUNCED', { message: 'hi' });
  },

  wrongCalls(fake: SocketFake, ada: FakeMember): void {
    for (const it of [expect(ada), importedExpect(ada)]) {
      // @ts-expect-error -- no such event
      it.toHaveReceived('MEMBER_MESSAGD');
      // @ts-expect-error -- a field is missing
      it.toHaveReceived('MEMBER_MESSAGED', { from: 'alan' });
      // @ts-expect-error -- a field of another type
      it.toHaveReceived('MEMBER_MESSAGED', { from: 'alan', text: 7 });
      // @ts-expect-error -- a field that the payload does not have
      it.toHaveReceived('MEMBER_MESSAGED', ({ cc }) => cc === '');
      // @ts-expect-error -- it has no payload
      it.toHaveReceived('TEST_TICKED', { n: 1 });
    }
    // @ts-expect-error -- no such event
    fake.assertRelayed('ada', 'MEMBER_MESSAGD');
    // @ts-expect-error -- another event's payload
    fake.assertRelayedToChannel('news', 'ANNOUNCED', { text: 'hi' });
    // @ts-expect-error -- a field of another type
    fake.assertBroadcast('ANNOUNCED', { message: 7 });
  },
};

test('the expect that @jest/globals exports has the matchers too', async () => {
  const { fake, service } = await startFake();
  const ada = await fake.connect('ada');
  await service.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'alan', text: 'hi' });
  importedExpect(ada).toHaveReceived('MEMBER_MESSAGED', { from: importedExpect.any(String), text: 'hi' });
  importedExpect(ada).not.toBeDisconnected();
});
