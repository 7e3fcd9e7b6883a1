import { jest } from '@jest/globals';
import { anError, type EngineClient, EngineSession, succeeded } from '../support/engine-session.js';

const MINUTE_MS = 60_000;
const VARIANTS = [
  ['cache-orders', undefined],
  ['private-cache-orders', undefined],
  ['private-encrypted-cache-orders', undefined],
  ['presence-cache-orders', { user_id: 'ann' }],
] as const;

/** The cache as a new subscriber is told of it: everything after `subscription_succeeded`. */
function newcomer(session: EngineSession, channel: string, channelData?: unknown) {
  const client = session.connects();
  client.subscribes(channel, channelData);
  const [answer, ...cached] = client.hears();
  expect(answer).toMatchObject({ event: 'pusher_internal:subscription_succeeded', channel });
  client.isLost();
  return cached;
}

const miss = (channel: string) => [{ event: 'pusher:cache_miss', channel, data: undefined }];

describe('The last event of a cache channel (3.9)', () => {
  test.each(VARIANTS)('is kept for 30 minutes on %s, and not longer', (channel, channelData) => {
    const session = new EngineSession();
    void session.engine.publish(channel, 'created', '{"id":7}');
    session.clock.advance(30 * MINUTE_MS - 1);
    expect(newcomer(session, channel, channelData)).toEqual([{ event: 'created', channel, data: { id: 7 } }]);
    session.clock.advance(1);
    expect(newcomer(session, channel, channelData)).toEqual(miss(channel));
  });

  test('is kept for 30 minutes from the newest one on', () => {
    const session = new EngineSession();
    void session.engine.publish('cache-orders', 'created', '1');
    session.clock.advance(29 * MINUTE_MS);
    void session.engine.publish('cache-orders', 'updated', '2');
    session.clock.advance(29 * MINUTE_MS);
    expect(newcomer(session, 'cache-orders')).toMatchObject([{ event: 'updated', data: 2 }]);
    session.clock.advance(MINUTE_MS);
    expect(newcomer(session, 'cache-orders')).toEqual(miss('cache-orders'));
  });

  test('is not kept longer because it was delivered, or because somebody stays subscribed', () => {
    const session = new EngineSession();
    session.joins('cache-orders');
    void session.engine.publish('cache-orders', 'created', '1');
    session.clock.advance(20 * MINUTE_MS);
    expect(newcomer(session, 'cache-orders')).toMatchObject([{ event: 'created' }]);
    session.clock.advance(10 * MINUTE_MS);
    expect(newcomer(session, 'cache-orders')).toEqual(miss('cache-orders'));
  });

  test('may come back after it was forgotten', () => {
    const session = new EngineSession();
    void session.engine.publish('cache-orders', 'created', '1');
    session.clock.advance(31 * MINUTE_MS);
    void session.engine.publish('cache-orders', 'created', '2');
    expect(newcomer(session, 'cache-orders')).toMatchObject([{ event: 'created', data: 2 }]);
  });

  test('is one for each channel', () => {
    const session = new EngineSession();
    void session.engine.publish('cache-a', 'created', '1');
    expect(newcomer(session, 'cache-b')).toEqual(miss('cache-b'));
    expect(newcomer(session, 'private-cache-a')).toEqual(miss('private-cache-a'));
    expect(newcomer(session, 'cache-a')).toMatchObject([{ data: 1 }]);
  });

  test('and when it is forgotten is known to the HTTP API’s info=cache (3.13)', async () => {
    const session = new EngineSession();
    void session.engine.publish('cache-orders', 'created', '{"id":7}');
    session.clock.advance(MINUTE_MS);
    const { cached } = await session.engine.channelInfo('cache-orders');
    expect(cached?.data).toBe('{"id":7}');
    expect((cached?.expiresAt ?? 0) - session.clock.now()).toBe(29 * MINUTE_MS);
    session.clock.advance(29 * MINUTE_MS);
    expect((await session.engine.channelInfo('cache-orders')).cached).toBeUndefined();
  });

  test('is not kept of channels whose names only contain the word', async () => {
    const session = new EngineSession();
    for (const channel of [
      'x-cache-y',
      'private-x-cache-',
      'presence-x',
      'cache',
      '#server-to-user-cache-',
    ]) {
      void session.engine.publish(channel, 'created', '1');
      expect((await session.engine.channelInfo(channel)).cached).toBeUndefined();
    }
  });

  test('is not what a client sent, on private and on presence channels (3.7)', () => {
    const session = new EngineSession();
    for (const channel of ['private-cache-a', 'private-encrypted-cache-a', 'presence-cache-a']) {
      const client: EngineClient = session.joins(
        channel,
        isPresence(channel) ? { user_id: 'ann' } : undefined,
      );
      client.triggers(channel, 'client-created', { id: 7 });
      expect(client.hears()).toEqual([]);
      expect(newcomer(session, channel, isPresence(channel) ? { user_id: 'bob' } : undefined)).toEqual(
        miss(channel),
      );
    }
  });

  test('is not told to whom the subscription is refused', () => {
    const session = new EngineSession();
    void session.engine.publish('private-cache-orders', 'created', '1');
    const client = session.connects();
    client.says('pusher:subscribe', { channel: 'private-cache-orders', auth: '' });
    expect(client.hears()).toEqual([anError(4009)]);
    client.subscribes('private-cache-orders');
    expect(client.hears()).toEqual([
      succeeded('private-cache-orders'),
      { event: 'created', channel: 'private-cache-orders', data: 1 },
    ]);
  });

  test('is not told a second time by a second subscription of the same connection (3.3)', () => {
    const session = new EngineSession();
    void session.engine.publish('cache-orders', 'created', '1');
    const client = session.joins('cache-orders');
    client.subscribes('cache-orders');
    expect(client.hears()).toEqual([anError(null)]);
  });

  test('leaves no clock ticking once it is forgotten, or once the server goes away', () => {
    const session = new EngineSession();
    const after = jest.spyOn(session.clock, 'after');
    void session.engine.publish('cache-orders', 'created', '1');
    session.clock.advance(32 * MINUTE_MS);
    after.mockClear();
    session.clock.advance(600 * MINUTE_MS);
    expect(after).not.toHaveBeenCalled();
    void session.engine.publish('cache-orders', 'created', '1');
    void session.engine.close();
    after.mockClear();
    session.clock.advance(600 * MINUTE_MS);
    expect(after).not.toHaveBeenCalled();
  });
});

const isPresence = (channel: string) => channel.startsWith('presence-');
