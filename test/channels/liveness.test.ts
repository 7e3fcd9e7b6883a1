import { EngineSession } from '../support/engine-session.js';

const SECOND = 1_000;
/** The engine may look once a second. */
const LOOK = SECOND;

const names = (heard: { event: string }[]) => heard.map(({ event }) => event);

describe('A ping from the client (3.10)', () => {
  test('is answered with a pong', () => {
    const client = new EngineSession().connects();
    client.says('pusher:ping', {});
    client.says('pusher:ping');
    client.sends('{"event":"pusher:ping"}');
    expect(names(client.hears())).toEqual(['pusher:pong', 'pusher:pong', 'pusher:pong']);
  });

  test('is not what a pong is: that has no answer', () => {
    const client = new EngineSession().connects();
    client.says('pusher:pong', {});
    expect(client.hears()).toEqual([]);
  });
});

describe('A client that is silent (3.10)', () => {
  test('is pinged after the activity timeout and not before', () => {
    const session = new EngineSession({ activityTimeoutS: 120 });
    const client = session.connects();
    session.clock.advance(119 * SECOND);
    expect(client.hears()).toEqual([]);
    session.clock.advance(SECOND + LOOK);
    expect(names(client.hears())).toEqual(['pusher:ping']);
  });

  test('is closed with 4201 when it does not answer in time', () => {
    const session = new EngineSession({ activityTimeoutS: 120, pongTimeoutS: 30 });
    const client = session.connects();
    session.clock.advance(120 * SECOND + 29 * SECOND);
    expect(client.closes).toEqual([]);
    session.clock.advance(SECOND + 2 * LOOK);
    expect(client.closes).toEqual([4201]);
    expect(session.engine.connections).toBe(0);
  });

  test('is pinged once, however long it takes to answer', () => {
    const session = new EngineSession();
    const client = session.connects();
    session.clock.advance(140 * SECOND);
    expect(names(client.hears())).toEqual(['pusher:ping']);
  });

  test.each([
    ['a pong', '{"event":"pusher:pong","data":{}}'],
    ['a ping', '{"event":"pusher:ping","data":{}}'],
    ['a subscription', '{"event":"pusher:subscribe","data":{"channel":"orders"}}'],
    ['something the server does not understand', 'Hi'],
  ])('and answers with %s, stays, and is asked again after the next silence', (_, text) => {
    const session = new EngineSession();
    const client = session.connects();
    session.clock.advance(121 * SECOND);
    client.sends(text);
    client.hears();
    session.clock.advance(119 * SECOND);
    expect([client.hears(), client.closes]).toEqual([[], []]);
    session.clock.advance(2 * SECOND);
    expect(names(client.hears())).toEqual(['pusher:ping']);
    session.clock.advance(32 * SECOND);
    expect(client.closes).toEqual([4201]);
  });

  test('is not helped by what the server sends it', () => {
    const session = new EngineSession();
    const client = session.joins('orders');
    for (let s = 0; s < 121; s++) {
      void session.engine.publish('orders', 'tick', '{}');
      session.clock.advance(SECOND);
    }
    expect(names(client.hears())).toContain('pusher:ping');
  });

  test('is closed alone: one that speaks stays', () => {
    const session = new EngineSession();
    const [silent, speaker] = [session.connects(), session.connects()];
    for (let s = 0; s < 200; s += 50) {
      speaker.says('pusher:ping', {});
      session.clock.advance(50 * SECOND);
    }
    expect(silent.closes).toEqual([4201]);
    expect(speaker.closes).toEqual([]);
  });

  test('leaves its presence channels after the grace period: it may be about to reconnect', () => {
    const session = new EngineSession({ activityTimeoutS: 10, pongTimeoutS: 5, presenceGraceMs: 3_000 });
    const bob = session.joins('presence-room', { user_id: 'bob' });
    const ann = session.joins('presence-room', { user_id: 'ann' });
    bob.hears();
    const alive = () => {
      bob.says('pusher:pong');
      session.clock.advance(SECOND);
    };
    for (let s = 0; s < 60 && ann.closes.length === 0; s++) alive();
    expect(ann.closes).toEqual([4201]);
    expect(bob.hears()).toEqual([]);
    for (let s = 0; s < 4; s++) alive();
    expect(names(bob.hears())).toEqual(['pusher_internal:member_removed']);
  });

  test('does not keep others from being watched: one that comes after all have gone', () => {
    const session = new EngineSession();
    session.connects().isLost();
    session.clock.advance(1_000 * SECOND);
    const late = session.connects();
    session.clock.advance(155 * SECOND);
    expect(late.closes).toEqual([4201]);
  });

  test('and is gone before it is asked, is not written to', () => {
    const session = new EngineSession();
    const client = session.connects();
    client.isLost();
    session.clock.advance(1_000 * SECOND);
    expect([client.hears(), client.closes]).toEqual([[], []]);
  });
});
