import { DeliveredRelays } from '../../../src/delivery/pair/delivered-relays.js';
import { createDisconnect } from '../../../src/ports/relay.js';
import { rejected, relayTo, settled, unavailable } from '../support.js';

const RELAY = relayTo('A', ['ada', 'alan']);
const TO_ADA = { ...RELAY, recipients: ['ada'] };
const TAKEN = Promise.resolve(true);
const FAILURE = unavailable(RELAY.recipients);

describe('a relay that one provider has taken, and that can be sent again because the other one failed', () => {
  test('is remembered, as a whole and for each of its recipients', async () => {
    const relays = new DeliveredRelays(true);
    expect(relays.isTaken(RELAY)).toBeUndefined();
    relays.remember(RELAY, FAILURE, TAKEN);
    expect(await relays.isTaken(RELAY)).toBe(true);
    expect(await relays.isTaken(TO_ADA)).toBe(true);
    expect(relays.isTaken({ ...RELAY, recipients: ['ada', 'grace'] })).toBeUndefined();
    expect(relays.isTaken(relayTo('B', ['ada']))).toBeUndefined();
  });

  test('is remembered however many came after it', async () => {
    const relays = new DeliveredRelays(true);
    relays.remember(RELAY, FAILURE, TAKEN);
    for (let n = 0; n < 20_000; n++) relays.remember(relayTo(`later-${n}`, ['ada']), FAILURE, TAKEN);
    expect(await relays.isTaken(RELAY)).toBe(true);
  });

  test('is forgotten once it is settled, and others are not', async () => {
    const relays = new DeliveredRelays(true);
    const other = relayTo('B', ['ada']);
    for (const relay of [RELAY, other]) relays.remember(relay, FAILURE, TAKEN);
    relays.settled(RELAY);
    expect(relays.isTaken(RELAY)).toBeUndefined();
    expect(relays.isTaken(TO_ADA)).toBeUndefined();
    expect(await relays.isTaken(other)).toBe(true);
  });

  test('is forgotten although it is settled before the answer is there', async () => {
    const relays = new DeliveredRelays(true);
    for (const isTaken of [true, false]) {
      relays.remember(
        RELAY,
        FAILURE,
        settled().then(() => isTaken),
      );
      relays.settled(RELAY);
      await settled();
      expect(relays.isTaken(RELAY)).toBeUndefined();
    }
  });

  test('is forgotten for the recipients for whom the provider did not take it after all', async () => {
    const relays = new DeliveredRelays(true);
    relays.remember(RELAY, FAILURE, TAKEN);
    relays.remember(TO_ADA, FAILURE, Promise.resolve(false));
    await settled();
    expect(relays.isTaken(RELAY)).toBeUndefined();
    expect(await relays.isTaken({ ...RELAY, recipients: ['alan'] })).toBe(true);
  });
});

test.each([
  ['no failed relay is sent again', false, RELAY, FAILURE],
  ['the other provider refused it for good', true, RELAY, rejected(RELAY.recipients)],
  ['it is a disconnect, which may come twice', true, createDisconnect('ada'), unavailable(['ada'])],
])('a relay is not remembered where %s', (_, isRetried, relay, error) => {
  const relays = new DeliveredRelays(isRetried);
  relays.remember(relay, error, TAKEN);
  expect(relays.isTaken(relay)).toBeUndefined();
});
