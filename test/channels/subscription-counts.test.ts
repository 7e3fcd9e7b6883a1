import { jest } from '@jest/globals';
import { type EngineClient, EngineSession } from '../support/engine-session.js';

const COUNTED = [
  'orders',
  'cache-orders',
  'private-orders',
  'private-cache-orders',
  'private-encrypted-orders',
  'private-encrypted-cache-orders',
];

const counting = () => new EngineSession({ subscriptionCount: true, presenceGraceMs: 0 });

/** The counts a client has been told since it was last asked. */
function counts(client: EngineClient, channel = 'orders'): unknown[] {
  return client
    .hears()
    .filter(({ event }) => event === 'pusher_internal:subscription_count')
    .map((frame) => {
      expect(frame.channel).toBe(channel);
      return (frame.data as { subscription_count: unknown }).subscription_count;
    });
}

/** So many clients on the channel, and one more who was there first and has heard nothing yet. */
function crowd(session: EngineSession, others: number) {
  const first = session.joins('orders');
  const rest = Array.from({ length: others }, () => session.joins('orders'));
  first.hears();
  return { first, rest };
}

describe('subscription_count (3.4, 3.12)', () => {
  test('is off unless it is switched on', () => {
    const session = new EngineSession();
    const first = session.joins('orders');
    session.joins('orders').unsubscribes('orders');
    expect(first.hears()).toEqual([]);
  });

  test.each(COUNTED)('is told to everybody on %s after every change, the newcomer too', (channel) => {
    const session = counting();
    const ann = session.connects();
    ann.subscribes(channel);
    expect(counts(ann, channel)).toEqual([1]);
    const bob = session.connects();
    bob.subscribes(channel);
    expect(counts(ann, channel)).toEqual([2]);
    expect(counts(bob, channel)).toEqual([2]);
    bob.unsubscribes(channel);
    expect(counts(ann, channel)).toEqual([1]);
    expect(bob.hears()).toEqual([]);
  });

  test('comes after the answer to the subscription, and is a JSON string on the wire (3.2)', () => {
    const client = counting().connects();
    client.subscribes('orders');
    expect(client.hearsRaw()).toEqual([
      { event: 'pusher_internal:subscription_succeeded', channel: 'orders', data: '{}' },
      { event: 'pusher_internal:subscription_count', channel: 'orders', data: '{"subscription_count":1}' },
    ]);
  });

  test('counts connections and not users', () => {
    const session = counting();
    const [first, second] = [session.signsIn('ann'), session.signsIn('ann')];
    first.subscribes('orders');
    second.subscribes('orders');
    expect(counts(first)).toEqual([1, 2]);
  });

  test('counts a connection that was lost as gone', () => {
    const session = counting();
    const [ann, bob] = [session.joins('orders'), session.joins('orders')];
    ann.hears();
    bob.isLost();
    expect(counts(ann)).toEqual([1]);
  });

  test.each(['presence-orders', 'presence-cache-orders'])('is never told on %s (3.6)', (channel) => {
    const session = counting();
    const ann = session.joins(channel, { user_id: 'ann' });
    session.joins(channel, { user_id: 'bob' }).unsubscribes(channel);
    expect(ann.hears().map(({ event }) => event)).toEqual([
      'pusher_internal:member_added',
      'pusher_internal:member_removed',
    ]);
  });

  test('is never told on the channel of a user (3.8)', () => {
    const session = counting();
    const [first] = [session.signsIn('ann'), session.signsIn('ann')];
    first.says('pusher:subscribe', { channel: '#server-to-user-ann', auth: '' });
    expect(first.hears().map(({ event }) => event)).toEqual(['pusher_internal:subscription_succeeded']);
  });

  test('does not change by a subscription that is refused, nor by a second one', () => {
    const session = counting();
    const ann = session.joins('private-orders');
    ann.subscribes('private-orders');
    session.connects().says('pusher:subscribe', { channel: 'private-orders', auth: '' });
    expect(ann.hears().map(({ event }) => event)).toEqual(['pusher:error']);
  });
});

describe('subscription_count on a crowded channel (3.12)', () => {
  test('is told at once up to 100 subscribers', () => {
    const session = counting();
    const { first } = crowd(session, 98);
    session.joins('orders');
    expect(counts(first)).toEqual([100]);
    session.joins('orders').unsubscribes('orders');
    session.clock.advance(5_000);
    const heard = counts(first);
    expect(heard.at(-1)).toBe(100);
    session.joins('orders');
    expect(counts(first)).toEqual([101]);
  });

  test('is told every 5 seconds above 100, with what it is then', () => {
    const session = counting();
    const { first } = crowd(session, 100);
    for (let i = 0; i < 7; i++) session.joins('orders');
    session.clock.advance(4_999);
    expect(counts(first)).toEqual([]);
    session.clock.advance(1);
    expect(counts(first)).toEqual([108]);
    session.joins('orders');
    session.clock.advance(4_999);
    expect(counts(first)).toEqual([]);
    session.clock.advance(1);
    expect(counts(first)).toEqual([109]);
  });

  test('is told no more than once in any 5 seconds above 100, however many come and go', () => {
    const session = counting();
    const { first } = crowd(session, 110);
    let told = 0;
    for (let second = 0; second < 50; second++) {
      for (let i = 0; i < 20; i++) session.joins('orders').unsubscribes('orders');
      session.joins('orders');
      session.clock.advance(1_000);
      told += counts(first).length;
    }
    expect(told).toBe(10);
  });

  test('is not told again when nothing has changed', () => {
    const session = counting();
    const { first, rest } = crowd(session, 100);
    session.clock.advance(60_000);
    expect(counts(first)).toEqual([]);
    // After the quiet time the next change is news at once.
    rest[0]?.unsubscribes('orders');
    expect(counts(first)).toEqual([100]);
  });

  test('is told at the latest after 5 seconds when the crowd has gone, and at once from then on', () => {
    const session = counting();
    const { first, rest } = crowd(session, 100);
    for (const client of rest) client.unsubscribes('orders');
    session.clock.advance(5_000);
    expect(counts(first).at(-1)).toBe(1);
    session.joins('orders');
    expect(counts(first)).toEqual([2]);
  });

  test('slows no other channel down', () => {
    const session = counting();
    crowd(session, 100);
    const other = session.joins('other');
    session.joins('other');
    expect(counts(other, 'other')).toEqual([2]);
  });

  test('leaves no clock ticking when everybody has gone, and none when the server goes away', () => {
    const session = counting();
    const after = jest.spyOn(session.clock, 'after');
    const { first, rest } = crowd(session, 100);
    for (const client of [first, ...rest]) client.isLost();
    session.clock.advance(10_000);
    expect(session.engine.channels).toBe(0);
    after.mockClear();
    session.clock.advance(600_000);
    expect(after).not.toHaveBeenCalled();

    const again = crowd(session, 100);
    session.joins('orders');
    void session.engine.close();
    again.first.hears();
    after.mockClear();
    session.clock.advance(600_000);
    expect(after).not.toHaveBeenCalled();
    expect(again.first.hears()).toEqual([]);
  });

  test('starts anew on a channel of the same name after everybody has left', () => {
    const session = counting();
    const { first, rest } = crowd(session, 100);
    for (const client of [first, ...rest]) client.isLost();
    const late = session.connects();
    late.subscribes('orders');
    expect(counts(late)).toEqual([1]);
    session.clock.advance(5_000);
    expect(counts(late)).toEqual([]);
  });
});
