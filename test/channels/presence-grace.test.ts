import { EngineSession } from '../support/engine-session.js';

const ROOM = 'presence-room';
const events = (heard: { event: string }[]) =>
  heard.map(({ event }) => event.replace('pusher_internal:', ''));

/** Bob looks on while Ann comes and goes. */
function room(presenceGraceMs = 3_000) {
  const session = new EngineSession({ presenceGraceMs });
  const bob = session.joins(ROOM, { user_id: 'bob' });
  const ann = session.joins(ROOM, { user_id: 'ann' });
  bob.hears();
  return { session, bob, ann };
}

describe('A member whose connection breaks (3.6)', () => {
  test('is removed after the grace period, once', () => {
    const { session, bob, ann } = room();
    ann.isLost();
    session.clock.advance(2_999);
    expect(bob.hears()).toEqual([]);
    session.clock.advance(1);
    expect(events(bob.hears())).toEqual(['member_removed']);
    session.clock.advance(60_000);
    expect(bob.hears()).toEqual([]);
  });

  test('and who is back within it, was never away', () => {
    const { session, bob, ann } = room();
    ann.isLost();
    session.clock.advance(2_999);
    const back = session.connects();
    back.subscribes(ROOM, { user_id: 'ann' });
    expect(back.hears()).toMatchObject([{ data: { presence: { count: 2 } } }]);
    session.clock.advance(60_000);
    expect(bob.hears()).toEqual([]);
  });

  test('and who is back after it, comes anew', () => {
    const { session, bob, ann } = room();
    ann.isLost();
    session.clock.advance(3_000);
    session.joins(ROOM, { user_id: 'ann' });
    expect(events(bob.hears())).toEqual(['member_removed', 'member_added']);
  });

  test('and breaks again after coming back, has the whole grace period again', () => {
    const { session, bob, ann } = room();
    ann.isLost();
    session.clock.advance(2_000);
    session.joins(ROOM, { user_id: 'ann' }).isLost();
    session.clock.advance(2_999);
    expect(bob.hears()).toEqual([]);
    session.clock.advance(1);
    expect(events(bob.hears())).toEqual(['member_removed']);
  });

  test('and has another tab open, does not leave', () => {
    const { session, bob, ann } = room();
    session.joins(ROOM, { user_id: 'ann' });
    ann.isLost();
    session.clock.advance(60_000);
    expect(bob.hears()).toEqual([]);
  });

  test('is listed to newcomers until the grace period ends', () => {
    const { session, ann } = room();
    ann.isLost();
    const cy = session.connects();
    cy.subscribes(ROOM, { user_id: 'cy' });
    expect(cy.hears()).toMatchObject([{ data: { presence: { ids: ['bob', 'ann', 'cy'], count: 3 } } }]);
    session.clock.advance(3_000);
    expect(events(cy.hears())).toEqual(['member_removed']);
  });

  test('is not written to any more', () => {
    const { session, ann } = room();
    ann.isLost();
    void session.engine.publish(ROOM, 'created', '{}');
    session.clock.advance(60_000);
    expect(ann.hears()).toEqual([]);
  });

  test('is removed at once when there is no grace period', () => {
    const { bob, ann } = room(0);
    ann.isLost();
    expect(events(bob.hears())).toEqual(['member_removed']);
  });

  test('leaves no channel behind, nor a clock that ticks for it', () => {
    const { session, bob, ann } = room();
    ann.isLost();
    bob.isLost();
    expect(session.engine.channels).toBe(1);
    session.clock.advance(3_000);
    expect([session.engine.channels, session.clock.timers]).toEqual([0, 0]);
  });

  test('that was the last one finds the channel as it was, when back within the grace period', () => {
    const session = new EngineSession();
    session.joins(ROOM, { user_id: 'ann' }).isLost();
    session.clock.advance(1_000);
    const ann = session.joins(ROOM, { user_id: 'ann' });
    session.clock.advance(60_000);
    const bob = session.joins(ROOM, { user_id: 'bob' });
    expect(events(ann.hears())).toContain('member_added');
    ann.unsubscribes(ROOM);
    expect(events(bob.hears())).toContain('member_removed');
  });

  test('keeps a place of its own on a full channel', () => {
    const session = new EngineSession();
    const members = Array.from({ length: 100 }, (_, i) => session.joins(ROOM, { user_id: `member-${i}` }));
    members[7]?.isLost();
    const back = session.connects();
    back.subscribes(ROOM, { user_id: 'member-7' });
    expect(events(back.hears())).toEqual(['subscription_succeeded']);
  });
});

describe('A member who leaves on purpose (3.6)', () => {
  test('is removed at once by unsubscribing the last tab, whatever became of the others', () => {
    const { session, bob, ann } = room();
    const tab = session.joins(ROOM, { user_id: 'ann' });
    ann.isLost();
    tab.unsubscribes(ROOM);
    expect(events(bob.hears())).toEqual(['member_removed']);
    session.clock.advance(60_000);
    expect(bob.hears()).toEqual([]);
  });

  test('is removed once when the connection then breaks', () => {
    const { session, bob, ann } = room();
    ann.unsubscribes(ROOM);
    ann.isLost();
    session.clock.advance(60_000);
    expect(events(bob.hears())).toEqual(['member_removed']);
  });
});

describe('A restart of the server (3.11)', () => {
  test('tells nobody that the others have left: they are coming back', () => {
    const { session, bob, ann } = room();
    void session.engine.close();
    session.clock.advance(60_000);
    expect([...bob.hears(), ...ann.hears()]).toEqual([]);
  });

  test('leaves no timer behind', () => {
    const { session, ann } = room();
    ann.isLost();
    session.joins('orders').isLost();
    expect(session.clock.timers).toBeGreaterThan(1);
    void session.engine.close();
    expect(session.clock.timers).toBe(0);
  });
});
