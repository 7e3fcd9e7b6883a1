import { ChannelEventSource } from '../../src/channels/channel-event-source.js';
import type { ChannelEvent } from '../../src/ports/channel-events.js';
import { EngineSession } from '../support/engine-session.js';

const silent = { log: () => undefined, warn: () => undefined, error: () => undefined };

describe('the events of channels (3.15)', () => {
  test('is told after the engine is done, so that a listener may disconnect whom it hears of', async () => {
    const session = new EngineSession();
    session.events.listen((event) => {
      if (event.name === 'member_added' && event.user_id === 'banned')
        session.engine.terminate('#server-to-user-banned');
    });
    const banned = session.signsIn('banned');
    banned.subscribes('presence-room');
    session.events.flush();
    expect(session.engine.connections).toBe(0);
    expect(await session.engine.channelInfo('presence-room')).toMatchObject({
      isOccupied: false,
      userCount: 0,
    });
    expect(session.engine.channels).toBe(0);
  });

  test('is told in order, within the same turn of the loop', async () => {
    const source = new ChannelEventSource(silent);
    const told: string[] = [];
    source.listen(({ channel }) => told.push(channel));
    for (const channel of ['a', 'b', 'c']) source.emit({ name: 'channel_occupied', channel });
    expect(told).toEqual([]);
    await Promise.resolve();
    expect(told).toEqual(['a', 'b', 'c']);
  });

  test('includes everybody who would have left after the grace period when the engine closes', async () => {
    const session = new EngineSession();
    const told: ChannelEvent[] = [];
    session.events.listen((event) => told.push(event));
    session.joins('presence-room', { user_id: 'ann' });
    session.joins('orders');
    await session.engine.close();
    expect(told.slice(-3)).toEqual([
      { name: 'member_removed', channel: 'presence-room', user_id: 'ann' },
      { name: 'channel_vacated', channel: 'presence-room' },
      { name: 'channel_vacated', channel: 'orders' },
    ]);
  });

  test('tells a cache miss once while the channel is occupied, and again once it has forgotten', () => {
    const session = new EngineSession();
    const told: string[] = [];
    session.events.listen(({ name }) => told.push(name));
    const misses = () => {
      session.events.flush();
      return told.filter((name) => name === 'cache_miss').length;
    };
    for (let n = 0; n < 3; n++) session.joins('cache-prices');
    expect(misses()).toBe(1);
    void session.engine.publish('cache-prices', 'priced', '1');
    session.joins('cache-prices');
    expect(misses()).toBe(1);
    void session.engine.publish('cache-prices', 'priced', '1');
    for (let n = 0; n < 30; n++) session.clock.advance(60_000);
    session.joins('cache-prices');
    expect(misses()).toBe(2);
  });

  test('never tells the count of a channel that is gone', () => {
    const session = new EngineSession({ subscriptionCount: true, presenceGraceMs: 0 });
    const counts: number[] = [];
    session.events.listen((event) => {
      if (event.name === 'subscription_count') counts.push(event.subscription_count);
    });
    const crowd = Array.from({ length: 101 }, () => session.joins('news'));
    for (const client of crowd) client.isLost();
    session.joins('news');
    session.clock.advance(60_000);
    session.events.flush();
    expect(counts.at(-1)).toBe(1);
  });
});
