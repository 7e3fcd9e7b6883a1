import { type EngineClient, EngineSession } from '../support/engine-session.js';

/** A gateway that wants to be shown something within 30 seconds, and clients that speak often enough to stay otherwise. */
const strict = () => new EngineSession({ limits: { unauthorizedS: 30 } });

describe('A connection that proves nothing (3.8)', () => {
  test('is closed with 4009 after the timeout and not before', () => {
    const session = strict();
    const client = session.connects();
    session.clock.advance(29_000);
    expect(client.closes).toEqual([]);
    session.clock.advance(1_000);
    expect(client.closes).toEqual([4009]);
    expect(session.engine.connections).toBe(0);
  });

  test.each<[string, (client: EngineClient) => void]>([
    [
      'subscribing to public channels',
      (client) => {
        client.subscribes('orders');
      },
    ],
    [
      'subscribing to public cache channels',
      (client) => {
        client.subscribes('cache-orders');
      },
    ],
    [
      'pinging',
      (client) => {
        client.says('pusher:ping', {});
      },
    ],
    [
      'a signature that is wrong',
      (client) => {
        client.says('pusher:subscribe', { channel: 'private-a', auth: 'x' });
      },
    ],
    [
      'a signin that is wrong',
      (client) => {
        client.says('pusher:signin', { auth: 'x', user_data: '{"id":"ann"}' });
      },
    ],
    [
      'asking for the channel of a user',
      (client) => {
        client.says('pusher:subscribe', { channel: '#server-to-user-a' });
      },
    ],
  ])('is not saved by %s', (_, act) => {
    const session = strict();
    const client = session.connects();
    act(client);
    session.clock.advance(29_000);
    act(client);
    session.clock.advance(1_000);
    expect(client.closes).toEqual([4009]);
  });

  test.each<[string, (client: EngineClient) => void]>([
    [
      'a signin',
      (client) => {
        client.signsIn({ id: 'ann' });
      },
    ],
    [
      'a private channel',
      (client) => {
        client.subscribes('private-orders');
      },
    ],
    [
      'a private cache channel',
      (client) => {
        client.subscribes('private-cache-orders');
      },
    ],
    [
      'an encrypted channel',
      (client) => {
        client.subscribes('private-encrypted-orders');
      },
    ],
    [
      'a presence channel',
      (client) => {
        client.subscribes('presence-room', { user_id: 'ann' });
      },
    ],
  ])('may stay when it has shown %s, even at the last moment', (_, act) => {
    const session = strict();
    const client = session.connects();
    session.clock.advance(29_999);
    act(client);
    session.clock.advance(60_000);
    expect(client.closes).toEqual([]);
  });

  test('is closed alone: others have their own time', () => {
    const session = strict();
    const early = session.connects();
    session.clock.advance(20_000);
    const late = session.connects();
    session.clock.advance(10_000);
    expect([early.closes, late.closes]).toEqual([[4009], []]);
    session.clock.advance(20_000);
    expect(late.closes).toEqual([4009]);
  });

  test('may stay for ever when nothing was configured', () => {
    const session = new EngineSession();
    const client = session.connects();
    for (let minute = 0; minute < 60; minute++) {
      session.clock.advance(60_000);
      client.says('pusher:pong');
    }
    expect(client.closes).toEqual([]);
  });
});
