import { userChannel } from '../../src/protocol/channel-name.js';
import { anError, APP, EngineSession, succeeded } from '../support/engine-session.js';
import { authFor, channelAuth, userAuth } from '../support/signing.js';

const MINE = '#server-to-user-ann';

describe('A signin (3.8)', () => {
  test('is answered with the same user_data, inside a JSON string', () => {
    const ann = new EngineSession().connects();
    const userData = '{ "id" : "ann", "user_info":{"name":"Änn"} }';
    ann.signsIn(userData);
    expect(ann.hearsRaw()).toEqual([
      { event: 'pusher:signin_success', data: JSON.stringify({ user_data: userData }) },
    ]);
  });

  test('makes the user online, for as long as one connection is signed in', async () => {
    const session = new EngineSession();
    expect(await session.isOnline('ann')).toBe(false);
    const tabs = [session.signsIn('ann'), session.signsIn('ann')];
    tabs[0]?.isLost();
    expect(await session.isOnline('ann')).toBe(true);
    tabs[1]?.isLost();
    expect(await session.isOnline('ann')).toBe(false);
  });

  test('may be repeated for the same user', async () => {
    const session = new EngineSession();
    const ann = session.signsIn('ann');
    ann.signsIn({ id: 'ann', user_info: { name: 'Ann' } });
    expect(ann.hears()).toMatchObject([{ event: 'pusher:signin_success' }]);
    ann.isLost();
    expect(await session.isOnline('ann')).toBe(false);
  });

  test('of a connection that is signed in as another user is refused, and the first stays', async () => {
    const session = new EngineSession();
    const ann = session.signsIn('ann');
    ann.signsIn({ id: 'bob' });
    expect(ann.hears()).toEqual([anError(4009)]);
    expect([await session.isOnline('ann'), await session.isOnline('bob')]).toEqual([true, false]);
    void session.engine.publish('#server-to-user-bob', 'created', '{}');
    expect(ann.hears()).toEqual([]);
  });

  test.each<[string, (id: string) => object]>([
    ['no signature', () => ({ user_data: '{"id":"ann"}' })],
    ['a made-up signature', () => ({ auth: `${APP.key}:${'0'.repeat(64)}`, user_data: '{"id":"ann"}' })],
    ['another secret', (id) => userAuth({ ...APP, secret: 'guess' }, id, { id: 'ann' })],
    ['another key', (id) => userAuth({ ...APP, key: 'other' }, id, { id: 'ann' })],
    ["another socket's signature", () => userAuth(APP, '9.9', { id: 'ann' })],
    ['changed user_data', (id) => ({ ...userAuth(APP, id, { id: 'bob' }), user_data: '{"id":"ann"}' })],
    [
      "a channel's signature",
      (id) => ({ auth: authFor(APP, `${id}:{"id":"ann"}`), user_data: '{"id":"ann"}' }),
    ],
    ['nothing at all', () => ({})],
  ])('with %s is refused and the connection stays', async (_, data) => {
    const session = new EngineSession();
    const ann = session.connects();
    ann.says('pusher:signin', data(ann.id));
    expect(ann.hears()).toEqual([anError(4009)]);
    expect(await session.isOnline('ann')).toBe(false);
    expect(ann.closes).toEqual([]);
    ann.signsIn({ id: 'ann' });
    expect(ann.hears()).toMatchObject([{ event: 'pusher:signin_success' }]);
  });

  test.each([
    '{}',
    '{"id":""}',
    '{"id":9007199254740993}',
    '{"id":0.5}',
    '{"id":null}',
    '{"id":["ann"]}',
    '{"id":"\\ud800"}',
    '{"id":"=YXxi"}',
    '{"__proto__":{"id":"ann"}}',
    '[]',
    'null',
    'ann',
    '"ann"',
    '',
  ])('with the user_data %s is refused, although it is signed', (userData) => {
    const session = new EngineSession();
    const ann = session.connects();
    ann.signsIn(userData);
    expect(ann.hears()).toEqual([anError(4009)]);
    expect(session.engine.channels).toBe(0);
  });

  test('takes a number for the text of its digits, as presence does', async () => {
    const session = new EngineSession();
    const ann = session.connects();
    ann.signsIn({ id: 7 });
    expect(ann.hears()).toEqual([{ event: 'pusher:signin_success', data: { user_data: '{"id":7}' } }]);
    void session.engine.publish('#server-to-user-7', 'created', '1');
    expect(ann.hears()).toMatchObject([{ event: 'created', data: 1 }]);
    expect(await session.isOnline('7')).toBe(true);
  });

  test('with an id of over 255 characters is refused', () => {
    const ann = new EngineSession().connects();
    ann.signsIn({ id: 'x'.repeat(256) });
    expect(ann.hears()).toEqual([anError(4009)]);
  });

  test.each([[7], [{ id: 'ann' }], [['ann']]])(
    'with user_data that is no text is refused: %j',
    (user_data) => {
      const ann = new EngineSession().connects();
      ann.says('pusher:signin', { auth: 'x', user_data });
      expect(ann.hears()).toEqual([anError(null)]);
    },
  );

  test('may use the id of a property every object has', async () => {
    const session = new EngineSession();
    for (const id of ['__proto__', 'constructor', 'hasOwnProperty']) {
      session.signsIn(id);
      expect(await session.isOnline(id)).toBe(true);
    }
    expect(await session.isOnline('toString')).toBe(false);
  });
});

describe('The channel of a user (3.8)', () => {
  test('answers the subscription of the user, with auth empty', () => {
    const ann = new EngineSession().signsIn('ann');
    ann.says('pusher:subscribe', { channel: MINE, auth: '' });
    expect(ann.hears()).toEqual([succeeded(MINE)]);
  });

  test('reaches every connection of the user once, and nobody else', () => {
    const session = new EngineSession();
    const tabs = [session.signsIn('ann'), session.signsIn('ann')];
    const others = [session.signsIn('bob'), session.connects(), session.joins('orders')];
    for (const tab of tabs) tab.subscribes(MINE);
    for (const tab of tabs) tab.hears();
    void session.engine.publish(MINE, 'created', '{"id":7}');
    for (const tab of tabs) {
      expect(tab.hears()).toEqual([{ event: 'created', channel: MINE, data: { id: 7 } }]);
    }
    for (const other of others) expect(other.hears()).toEqual([]);
  });

  test.each([MINE, '#server-to-user-', '#server-to-user-an', '#server-to-user-annn', '#server-to-user-bob '])(
    'is closed to a stranger: %s',
    (channel) => {
      const session = new EngineSession();
      const ann = session.signsIn('ann');
      for (const stranger of [session.connects(), session.signsIn('bob')]) {
        stranger.says('pusher:subscribe', { channel, auth: '' });
        expect(stranger.hears()).toEqual([anError(4009)]);
        void session.engine.publish(channel, 'secret', '{}');
        expect(stranger.hears()).toEqual([]);
      }
      expect(ann.closes).toEqual([]);
    },
  );

  test('is closed to a signature too: only the signin opens it', () => {
    const session = new EngineSession();
    const bob = session.signsIn('bob');
    bob.says('pusher:subscribe', { channel: MINE, ...channelAuth(APP, bob.id, MINE) });
    bob.says('pusher:subscribe', { channel: MINE, ...channelAuth(APP, bob.id, MINE, { user_id: 'ann' }) });
    expect(bob.hears()).toEqual([anError(4009), anError(4009)]);
  });

  test('is not opened by being present somewhere under the same id', async () => {
    const session = new EngineSession();
    const ann = session.joins('presence-room', { user_id: 'ann' });
    ann.subscribes(MINE);
    expect(ann.hears()).toEqual([anError(4009)]);
    expect(await session.isOnline('ann')).toBe(false);
  });

  test('is silent after it was unsubscribed, until it is subscribed again', () => {
    const session = new EngineSession();
    const ann = session.signsIn('ann');
    ann.subscribes(MINE);
    ann.unsubscribes(MINE);
    ann.hears();
    void session.engine.publish(MINE, 'created', '{}');
    expect(ann.hears()).toEqual([]);
    ann.subscribes(MINE);
    void session.engine.publish(MINE, 'created', '{}');
    expect(ann.hears()).toEqual([succeeded(MINE), { event: 'created', channel: MINE, data: {} }]);
  });

  test('leaves nothing behind when the user is gone', () => {
    const session = new EngineSession();
    const ann = session.signsIn('ann');
    ann.subscribes(MINE);
    ann.isLost();
    expect(session.engine.channels).toBe(0);
  });
});

describe('Terminating a user (3.8)', () => {
  test('says pusher:error 4009 and then closes with 4009, on every connection of the user and no other', async () => {
    const session = new EngineSession();
    const tabs = [session.signsIn('ann'), session.signsIn('ann')];
    const others = [
      session.signsIn('bob'),
      session.connects(),
      session.joins('presence-x', { user_id: 'ann' }),
    ];
    session.engine.terminate(userChannel('ann'));
    for (const tab of tabs) {
      expect(tab.hears()).toEqual([anError(4009)]);
      expect(tab.closes).toEqual([4009]);
    }
    for (const other of others) {
      expect(other.hears()).toEqual([]);
      expect(other.closes).toEqual([]);
    }
    expect([await session.isOnline('ann'), await session.isOnline('bob')]).toEqual([false, true]);
  });

  test('takes the user off every channel at once, told to those who stay', () => {
    const session = new EngineSession();
    const bob = session.joins('presence-room', { user_id: 'bob' });
    const ann = session.signsIn('ann');
    ann.subscribes('presence-room', { user_id: 'ann' });
    ann.subscribes('orders');
    ann.hears();
    bob.hears();
    session.engine.terminate(userChannel('ann'));
    expect(bob.hears()).toMatchObject([
      { event: 'pusher_internal:member_removed', data: { user_id: 'ann' } },
    ]);
    ann.hears();
    void session.engine.publish('orders', 'created', '{}');
    void session.engine.publish(MINE, 'created', '{}');
    expect(ann.hears()).toEqual([]);
  });

  test('is deaf to what the user still sends', async () => {
    const session = new EngineSession();
    const ann = session.signsIn('ann');
    session.engine.terminate(userChannel('ann'));
    ann.hears();
    ann.subscribes('orders');
    ann.signsIn({ id: 'ann' });
    ann.isLost();
    expect(ann.hears()).toEqual([]);
    expect([await session.isOnline('ann'), session.engine.channels]).toEqual([false, 0]);
    expect(ann.closes).toEqual([4009]);
  });

  test('lets the user come back on a new connection', async () => {
    const session = new EngineSession();
    session.signsIn('ann');
    session.engine.terminate(userChannel('ann'));
    session.signsIn('ann');
    expect(await session.isOnline('ann')).toBe(true);
  });

  test('does nothing when the user is not there', () => {
    const session = new EngineSession();
    const bob = session.signsIn('bob');
    session.engine.terminate(userChannel('ann'));
    session.engine.terminate(userChannel(''));
    expect(bob.closes).toEqual([]);
  });
});
