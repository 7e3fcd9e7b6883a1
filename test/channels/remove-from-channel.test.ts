import { EngineSession } from '../support/engine-session.js';

const ROOM = 'presence-room';
const CHAT = 'private-chat';
const refusal = {
  event: 'pusher:subscription_error',
  data: { type: 'Removed', error: 'Removed from the channel by the application', status: 403 },
};

const remove = (session: EngineSession, channel: string, id: string) =>
  session.engine.removeEverywhere(channel, id);

/** The names of the events that the session tells from now on. */
function listening(session: EngineSession): () => string[] {
  session.events.flush();
  const told: string[] = [];
  session.events.listen(({ name }) => told.push(name));
  return () => {
    session.events.flush();
    return told.splice(0);
  };
}

describe('A member who is removed from a channel', () => {
  test('is told so on every tab, and the others are told once and at once that the member is gone', () => {
    const session = new EngineSession();
    const bob = session.joins(ROOM, { user_id: 'bob' });
    const tabs = [1, 2].map(() => session.joins(ROOM, { user_id: 'ann' }));
    bob.hears();
    void remove(session, ROOM, 'ann');
    for (const tab of tabs) expect(tab.hears()).toEqual([{ ...refusal, channel: ROOM }]);
    expect(bob.hears()).toMatchObject([
      { event: 'pusher_internal:member_removed', data: { user_id: 'ann' } },
    ]);
    session.clock.advance(60_000);
    expect(bob.hears()).toEqual([]);
  });

  test('sends and hears as much there as somebody who never was on it', () => {
    const session = new EngineSession();
    const bob = session.joins(ROOM, { user_id: 'bob' });
    const ann = session.joins(ROOM, { user_id: 'ann' });
    const stranger = session.connects();
    void remove(session, ROOM, 'ann');
    for (const client of [ann, bob]) client.hears();
    for (const client of [ann, stranger]) client.triggers(ROOM, 'client-typing', {});
    void session.engine.publish(ROOM, 'said', '{}');
    expect(ann.hears()).toEqual(stranger.hears());
    expect(bob.hears()).toMatchObject([{ event: 'said' }]);
  });

  test('gets "not subscribed" for a client event', () => {
    const session = new EngineSession();
    const ann = session.joins(ROOM, { user_id: 'ann' });
    void remove(session, ROOM, 'ann');
    ann.hears();
    ann.triggers(ROOM, 'client-typing', {});
    const message = 'Client event refused: not subscribed to "presence-room"';
    expect(ann.hears()).toMatchObject([{ event: 'pusher:error', data: { code: null, message } }]);
  });

  test('counts no more: neither as a member, nor as a subscription', async () => {
    const session = new EngineSession({ subscriptionCount: true });
    const told = listening(session);
    const bob = session.joins(CHAT);
    const ann = session.signsIn('ann');
    ann.subscribes(CHAT);
    for (const id of ['ann', 'ann', 'bob']) session.joins(ROOM, { user_id: id });
    bob.hears();
    told();
    void remove(session, CHAT, 'ann');
    void remove(session, ROOM, 'ann');
    expect(bob.hears()).toMatchObject([
      { event: 'pusher_internal:subscription_count', data: { subscription_count: 1 } },
    ]);
    expect(told()).toEqual(['subscription_count', 'member_removed']);
    expect(await session.engine.channelInfo(CHAT)).toMatchObject({ isOccupied: true, subscriptionCount: 1 });
    expect(await session.engine.channelInfo(ROOM)).toMatchObject({ subscriptionCount: 1, userCount: 1 });
    expect(await session.engine.members(ROOM)).toMatchObject([{ id: 'bob' }]);
  });

  test('leaves an empty channel that is vacated at once, and nothing that ticks', async () => {
    const session = new EngineSession();
    const told = listening(session);
    session.joins(ROOM, { user_id: 'ann' });
    told();
    const before = session.clock.timers;
    void remove(session, ROOM, 'ann');
    expect(told()).toEqual(['member_removed', 'channel_vacated']);
    expect(await session.engine.channelInfo(ROOM)).toMatchObject({ isOccupied: false, subscriptionCount: 0 });
    expect([session.engine.channels, session.clock.timers]).toEqual([0, before]);
  });

  test('does not wait for the grace period of a connection that was lost', () => {
    const session = new EngineSession();
    const bob = session.joins(ROOM, { user_id: 'bob' });
    const told = listening(session);
    const lost = session.joins(ROOM, { user_id: 'ann' });
    for (const id of ['ann', 'cy']) session.joins(ROOM, { user_id: id }).isLost();
    lost.isLost();
    bob.hears();
    told();
    void remove(session, ROOM, 'ann');
    expect(bob.hears()).toMatchObject([
      { event: 'pusher_internal:member_removed', data: { user_id: 'ann' } },
    ]);
    expect(told()).toEqual(['member_removed']);
    session.clock.advance(60_000);
    // Cy had all of it.
    expect(bob.hears()).toMatchObject([{ event: 'pusher_internal:member_removed', data: { user_id: 'cy' } }]);
    expect(told()).toEqual(['member_removed']);
  });
});

describe('A signature from before the removal', () => {
  test('is good for nothing on its connection, which is closed with 4200', () => {
    const session = new EngineSession();
    const ann = session.joins(ROOM, { user_id: 'ann' });
    void remove(session, ROOM, 'ann');
    ann.unsubscribes(ROOM);
    ann.hears();
    ann.subscribes(ROOM, { user_id: 'ann' });
    expect(ann.hears()).toEqual([]);
    expect(ann.closes).toEqual([4200]);
  });

  test('that was not used yet is good for nothing either, where the connection has signed in', () => {
    const session = new EngineSession();
    const ann = session.signsIn('ann');
    void remove(session, CHAT, 'ann');
    ann.subscribes(CHAT);
    expect(ann.closes).toEqual([4200]);
  });

  test('lets a member stay on other channels, and subscribe to more', () => {
    const session = new EngineSession();
    const ann = session.signsIn('ann');
    ann.subscribes(CHAT);
    void remove(session, ROOM, 'ann');
    ann.subscribes('private-other');
    void session.engine.publish(CHAT, 'said', '{}');
    expect(ann.hears().at(-1)).toMatchObject({ event: 'said' });
    expect(ann.closes).toEqual([]);
  });

  // A private channel's signature does not say whose it is. docs/security.md names this.
  test('still lets a connection in that never said whose it is', () => {
    const session = new EngineSession();
    const nobody = session.connects();
    void remove(session, CHAT, 'ann');
    nobody.subscribes(CHAT);
    expect(nobody.hears()).toMatchObject([{ event: 'pusher_internal:subscription_succeeded' }]);
  });
});
