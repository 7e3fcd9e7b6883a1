import { anError, EngineSession } from '../support/engine-session.js';

const CHAT = 'private-chat';

/** Two clients on a channel. */
function chat(session: EngineSession, channel = CHAT) {
  return channel.startsWith('presence-')
    ? ([session.joins(channel, { user_id: 'ann' }), session.joins(channel, { user_id: 'bob' })] as const)
    : ([session.joins(channel), session.joins(channel)] as const);
}

describe('A client event (3.7)', () => {
  test('reaches the others on the channel, with its data as a JSON string, and not its sender', () => {
    const session = new EngineSession();
    const [ann, bob] = chat(session);
    const stranger = session.joins('private-elsewhere');
    ann.triggers(CHAT, 'client-typing', { on: true });
    expect(bob.hearsRaw()).toEqual([{ event: 'client-typing', channel: CHAT, data: '{"on":true}' }]);
    expect(ann.hears()).toEqual([]);
    expect(stranger.hears()).toEqual([]);
  });

  test.each([[{ a: [1, null] }], [[1]], [7], [true], [null], ['plain text'], ['']])('carries %j', (data) => {
    const [ann, bob] = chat(new EngineSession());
    ann.triggers(CHAT, 'client-x', data);
    expect(bob.hears()).toEqual([{ event: 'client-x', channel: CHAT, data }]);
  });

  test('may go without data', () => {
    const [ann, bob] = chat(new EngineSession());
    ann.says('client-x', undefined, { channel: CHAT });
    expect(bob.hears()).toMatchObject([{ event: 'client-x', channel: CHAT }]);
  });

  test('on a presence channel says who sent it, from the subscription', () => {
    const [ann, bob] = chat(new EngineSession(), 'presence-room');
    ann.hears();
    ann.triggers('presence-room', 'client-x', 1);
    expect(bob.hears()).toEqual([{ event: 'client-x', channel: 'presence-room', data: 1, user_id: 'ann' }]);
  });

  test('cannot name another sender: the frame is built anew', () => {
    const [ann, bob] = chat(new EngineSession(), 'presence-room');
    ann.says('client-x', 1, { channel: 'presence-room', user_id: 'admin', socket_id: '1.1', extra: 1 });
    expect(bob.hears()).toEqual([{ event: 'client-x', channel: 'presence-room', data: 1, user_id: 'ann' }]);
  });

  test('on a private channel has no user_id, not even of who is signed in', () => {
    const session = new EngineSession();
    const bob = session.joins(CHAT);
    const ann = session.signsIn('ann');
    ann.subscribes(CHAT);
    ann.says('client-x', 1, { channel: CHAT, user_id: 'admin' });
    expect(bob.hearsRaw()).toEqual([{ event: 'client-x', channel: CHAT, data: '1' }]);
  });

  test('reaches every other tab of its sender', () => {
    const session = new EngineSession();
    const [one, two] = [1, 2].map(() => session.joins('presence-room', { user_id: 'ann' }));
    one?.triggers('presence-room', 'client-x', 1);
    expect(two?.hears()).toMatchObject([{ event: 'client-x', user_id: 'ann' }]);
  });

  test.each(['private-encrypted-x', 'private-cache-x', 'presence-cache-x'])('may go over %s', (channel) => {
    const [ann, bob] = chat(new EngineSession(), channel);
    ann.hears();
    ann.triggers(channel, 'client-x', 1);
    expect(bob.hears()).toMatchObject([{ event: 'client-x', channel }]);
  });
});

describe('A client event is refused, and the connection stays (3.7),', () => {
  test('when the feature is off', () => {
    const [ann, bob] = chat(new EngineSession({ clientEvents: false }));
    ann.triggers(CHAT, 'client-x');
    expect(ann.hears()).toEqual([anError(null)]);
    expect(bob.hears()).toEqual([]);
    expect(ann.closes).toEqual([]);
  });

  test('on other channels when it is on for some only', () => {
    const session = new EngineSession({ clientEvents: [CHAT] });
    const [ann, bob] = chat(session);
    const [cy, dan] = chat(session, 'private-chat-2');
    ann.triggers(CHAT, 'client-x');
    cy.triggers('private-chat-2', 'client-x');
    expect(bob.hears()).toHaveLength(1);
    expect(cy.hears()).toEqual([anError(null)]);
    expect(dan.hears()).toEqual([]);
  });

  test.each(['orders', 'cache-orders', 'foo-private-x'])('on the public channel %s', (channel) => {
    const [ann, bob] = chat(new EngineSession(), channel);
    ann.triggers(channel, 'client-x');
    expect(ann.hears()).toEqual([anError(null)]);
    expect(bob.hears()).toEqual([]);
  });

  test("on the sender's own user channel: only the application speaks there (3.8)", () => {
    const session = new EngineSession();
    const [one, two] = [session.signsIn('ann'), session.signsIn('ann')];
    one.triggers('#server-to-user-ann', 'client-x');
    expect(one.hears()).toEqual([anError(null)]);
    expect(two.hears()).toEqual([]);
  });

  test('from a connection that is not subscribed', () => {
    const session = new EngineSession();
    const bob = session.joins(CHAT);
    const ann = session.connects();
    ann.triggers(CHAT, 'client-x');
    expect(ann.hears()).toEqual([anError(null)]);
    expect(bob.hears()).toEqual([]);
  });

  test('from a connection that was, and has unsubscribed', () => {
    const [ann, bob] = chat(new EngineSession());
    ann.unsubscribes(CHAT);
    ann.triggers(CHAT, 'client-x');
    expect(ann.hears()).toEqual([anError(null)]);
    expect(bob.hears()).toEqual([]);
  });

  test('without a channel', () => {
    const ann = new EngineSession().joins(CHAT);
    ann.says('client-x', { channel: CHAT });
    expect(ann.hears()).toEqual([anError(null)]);
  });

  test.each(['xclient-y', 'Client-x', 'created', 'client', 'my-client-event', ' client-x'])(
    'when its name is %j: the prefix is anchored',
    (name) => {
      const [ann, bob] = chat(new EngineSession());
      ann.triggers(CHAT, name);
      expect(ann.hears()).toEqual([anError(null)]);
      expect(bob.hears()).toEqual([]);
    },
  );

  test.each([
    'pusher:x',
    'pusher_internal:member_added',
    'pusher_internal:subscription_succeeded',
    'pusher:error',
  ])('when its name is the protocol’s own: %s', (name) => {
    const [ann, bob] = chat(new EngineSession());
    ann.triggers(CHAT, name, { user_id: 'admin' });
    expect(ann.hears()).toEqual([anError(null)]);
    expect(bob.hears()).toEqual([]);
  });

  test('when its name has over 200 characters', () => {
    const [ann, bob] = chat(new EngineSession());
    ann.triggers(CHAT, 'client-'.padEnd(200, 'x'));
    ann.triggers(CHAT, 'client-'.padEnd(201, 'x'));
    expect(ann.hears()).toEqual([anError(null)]);
    expect(bob.hears()).toHaveLength(1);
  });

  test('when its data is over 10 KB', () => {
    const [ann, bob] = chat(new EngineSession());
    ann.triggers(CHAT, 'client-x', 'x'.repeat(10_240));
    ann.triggers(CHAT, 'client-x', 'x'.repeat(10_241));
    ann.triggers(CHAT, 'client-x', 'ü'.repeat(5_121));
    ann.triggers(CHAT, 'client-x', { text: 'x'.repeat(10_240) });
    expect(ann.hears()).toEqual([anError(null), anError(null), anError(null)]);
    expect(bob.hears()).toHaveLength(1);
  });
});

describe('The rate of client events (3.7)', () => {
  const many = (count: number, send: () => void) => {
    for (let i = 0; i < count; i++) send();
  };

  test('is 10 in a second: the next is answered 4301, reaches nobody and closes nothing', () => {
    const [ann, bob] = chat(new EngineSession());
    many(11, () => {
      ann.triggers(CHAT, 'client-x');
    });
    expect(ann.hears()).toEqual([anError(4301)]);
    expect(bob.hears()).toHaveLength(10);
    expect(ann.closes).toEqual([]);
  });

  test('is free again a second later', () => {
    const session = new EngineSession();
    const [ann, bob] = chat(session);
    many(12, () => {
      ann.triggers(CHAT, 'client-x');
    });
    session.clock.advance(1_000);
    bob.hears();
    ann.hears();
    many(10, () => {
      ann.triggers(CHAT, 'client-x');
    });
    expect(ann.hears()).toEqual([]);
    expect(bob.hears()).toHaveLength(10);
  });

  test('is counted over any second, not from one full second to the next', () => {
    const session = new EngineSession();
    const [ann, bob] = chat(session);
    session.clock.advance(900);
    many(10, () => {
      ann.triggers(CHAT, 'client-x');
    });
    session.clock.advance(200);
    ann.triggers(CHAT, 'client-x');
    expect(ann.hears()).toEqual([anError(4301)]);
    expect(bob.hears()).toHaveLength(10);
  });

  test("is a connection's over all its channels, and not its neighbour's", () => {
    const session = new EngineSession();
    const [ann, bob] = chat(session);
    ann.subscribes('private-other');
    bob.subscribes('private-other');
    ann.hears();
    bob.hears();
    many(10, () => {
      ann.triggers(CHAT, 'client-x');
    });
    ann.triggers('private-other', 'client-x');
    expect(ann.hears()).toEqual([anError(4301)]);
    bob.hears();
    bob.triggers(CHAT, 'client-x');
    expect(bob.hears()).toEqual([]);
    expect(ann.hears()).toHaveLength(1);
  });
});
