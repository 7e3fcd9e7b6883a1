import { EngineSession } from '../support/engine-session.js';

const ROOM = 'private-room';

/** An engine whose one channel has a history. */
function session(): EngineSession {
  return new EngineSession({}, false, undefined, { channels: [ROOM, 'members', 'cache-prices'] });
}

/** The frames of a client as `event data`. */
function heard(client: ReturnType<EngineSession['joins']>): string[] {
  return client.hears().map(({ event, data }) => `${event} ${JSON.stringify(data)}`);
}

test('a subscriber is told once from where on it is live, after the answer to its subscription', () => {
  const { engine, connects } = bound(session());
  void engine.publish(ROOM, 'before', '1');
  const client = connects();
  client.subscribes(ROOM);
  const [succeeded, live, ...others] = client.hears();
  expect(succeeded?.event).toBe('pusher_internal:subscription_succeeded');
  expect(live).toMatchObject({ event: 'pusher_internal:live', channel: ROOM });
  expect(live?.data).toEqual({ position: expect.stringMatching(/^[0-9a-z]+\.1$/) as string });
  expect(others).toEqual([]);
});

test('a cache channel sends its last event before it', () => {
  const { engine, connects } = bound(session());
  void engine.publish('cache-prices', 'price', '7');
  const client = connects();
  client.subscribes('cache-prices');
  expect(client.hears().map(({ event }) => event)).toEqual([
    'pusher_internal:subscription_succeeded',
    'price',
    'pusher_internal:live',
  ]);
});

test('a channel without history has no such frame, and the frames of events are the same on both', () => {
  const { engine, joins } = bound(session());
  const [kept, other] = [joins(ROOM), joins('private-other')];
  for (const channel of [ROOM, 'private-other']) void engine.publish(channel, 'paid', '{"id":7}');
  expect(heard(kept)).toEqual(heard(other));
});

test('an event that leaves a connection out tells it the position after it, and nobody else', () => {
  const { engine, joins } = bound(session());
  const [left, other] = [joins(ROOM), joins(ROOM)];
  void engine.publish(ROOM, 'mine', '1', left.id);
  expect(other.hears().map(({ event }) => event)).toEqual(['mine']);
  expect(left.hears()).toMatchObject([
    {
      event: 'pusher_internal:live',
      data: {
        position: expect.stringMatching(/\.1$/) as string,
        follows: expect.stringMatching(/\.0$/) as string,
      },
    },
  ]);
});

test.each(['client-typed', 'client-'])(
  'an event of the name %s has no position, whoever publishes it',
  async (name) => {
    const { engine, joins } = bound(session());
    joins(ROOM);
    const before = await engine.history.head(ROOM);
    void engine.publish(ROOM, name, '1');
    expect(await engine.history.head(ROOM)).toEqual(before);
  },
);

test('a member who signs in is told the position of its own channel after the signin', () => {
  const { engine, connects } = bound(session());
  void engine.publishToUsers(['ada'], 'hello', '1');
  const client = connects();
  client.signsIn({ id: 'ada' });
  expect(client.hears()).toMatchObject([
    { event: 'pusher:signin_success' },
    { event: 'pusher_internal:live', channel: '#server-to-user-ada' },
  ]);
});

function bound(of: EngineSession) {
  return {
    engine: of.engine,
    connects: () => of.connects(),
    joins: (channel: string) => of.joins(channel),
  };
}
