import { anError, EngineSession, succeeded } from '../support/engine-session.js';

// SOCKET_MAX_CHANNELS: how many channels one process knows, of which a stranger can make up as many as it has connections for.

const strict = (channels = 2, more: object = {}) =>
  new EngineSession({ limits: { channels }, presenceGraceMs: 1_000, ...more });

test('beyond SOCKET_MAX_CHANNELS nobody makes up a new public channel, on a connection of its own neither', () => {
  const session = strict();
  session.joins('a');
  session.joins('b');
  const client = session.connects();
  for (const channel of ['c', 'cache-c']) {
    client.subscribes(channel);
    expect(client.hears()).toEqual([anError(4100)]);
  }
  expect(session.engine.channels).toBe(2);
  // It goes on, and so does everything that is there already.
  for (const channel of ['a', 'b']) client.subscribes(channel);
  expect(client.hears()).toEqual([succeeded('a'), succeeded('b')]);
});

test('a channel whose last subscriber may come back is a known one', () => {
  const session = strict(1);
  session.joins('a').isLost();
  const client = session.connects();
  client.subscribes('b');
  expect(client.hears()).toEqual([anError(4100)]);
  client.subscribes('a');
  expect(client.hears()).toEqual([succeeded('a')]);
});

test('a place becomes free when a channel is forgotten', () => {
  const session = strict(1);
  session.joins('a').isLost();
  session.clock.advance(1_000);
  session.joins('b').unsubscribes('b');
  const client = session.connects();
  client.subscribes('c');
  expect(client.hears()).toEqual([succeeded('c')]);
});

test('channels that strangers have made up keep no member from a channel that needs a signature, from its own or from the broadcast', () => {
  const session = strict(1);
  session.joins('made-up');
  const member = session.connects();
  member.signsIn({ id: 'ann' });
  expect(member.hears()).toMatchObject([{ event: 'pusher:signin_success' }]);
  member.subscribes('private-orders');
  member.subscribes('presence-room', { user_id: 'ann' });
  member.subscribes('broadcast');
  expect(member.hears()).toMatchObject([
    succeeded('private-orders'),
    { event: 'pusher_internal:subscription_succeeded', channel: 'presence-room' },
    succeeded('broadcast'),
  ]);
});

test('0 switches the limit off', () => {
  const session = strict(0);
  for (let n = 0; n < 50; n++) session.joins(`c${n}`);
  expect(session.engine.channels).toBe(50);
});
