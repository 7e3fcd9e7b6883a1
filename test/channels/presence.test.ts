import { anError, APP, EngineSession, succeeded } from '../support/engine-session.js';
import { channelAuth } from '../support/signing.js';
import { titled } from '../support/titled.js';

const ROOM = 'presence-room';
const added = (user_id: string, user_info?: unknown) => ({
  event: 'pusher_internal:member_added',
  channel: ROOM,
  data: user_info === undefined ? { user_id } : { user_id, user_info },
});
const removed = (user_id: string) => ({
  event: 'pusher_internal:member_removed',
  channel: ROOM,
  data: { user_id },
});
const roster = (hash: Record<string, unknown>, ids = Object.keys(hash)) =>
  succeeded(ROOM, { presence: { ids, hash, count: ids.length } });

describe('A presence channel (3.6)', () => {
  test('answers with everybody who is there, the newcomer too', () => {
    const session = new EngineSession();
    session.joins(ROOM, { user_id: 'ann', user_info: { name: 'Ann' } });
    const bob = session.connects();
    bob.subscribes(ROOM, { user_id: 'bob', user_info: { name: 'Bob' } });
    expect(bob.hears()).toEqual([roster({ ann: { name: 'Ann' }, bob: { name: 'Bob' } })]);
  });

  test('tells the others, and not the newcomer, who came', () => {
    const session = new EngineSession();
    const ann = session.joins(ROOM, { user_id: 'ann' });
    const stranger = session.joins('presence-elsewhere', { user_id: 'cy' });
    session.joins(ROOM, { user_id: 'bob', user_info: { name: 'Bob' } });
    expect(ann.hears()).toEqual([added('bob', { name: 'Bob' })]);
    expect(stranger.hears()).toEqual([]);
  });

  test('sends all its data as JSON strings (3.2)', () => {
    const session = new EngineSession();
    const ann = session.connects();
    ann.subscribes(ROOM, { user_id: 'ann' });
    const bob = session.joins(ROOM, { user_id: 'bob' });
    bob.unsubscribes(ROOM);
    expect(ann.hearsRaw().map(({ data }) => typeof data)).toEqual(['string', 'string', 'string']);
  });

  test('counts users and not connections: a second tab is news to nobody', () => {
    const session = new EngineSession();
    const bob = session.joins(ROOM, { user_id: 'bob' });
    const tabs = [session.joins(ROOM, { user_id: 'ann' }), session.joins(ROOM, { user_id: 'ann' })];
    expect(bob.hears()).toEqual([added('ann')]);
    tabs[0]?.unsubscribes(ROOM);
    expect(bob.hears()).toEqual([]);
    tabs[1]?.unsubscribes(ROOM);
    expect(bob.hears()).toEqual([removed('ann')]);
  });

  test('lists a user with two tabs once', () => {
    const session = new EngineSession();
    session.joins(ROOM, { user_id: 'ann' });
    const second = session.connects();
    second.subscribes(ROOM, { user_id: 'ann' });
    expect(second.hears()).toEqual([roster({ ann: null })]);
  });

  test('tells a leave only to those who stay', () => {
    const session = new EngineSession();
    const [ann, bob] = [session.joins(ROOM, { user_id: 'ann' }), session.joins(ROOM, { user_id: 'bob' })];
    ann.hears();
    bob.unsubscribes(ROOM);
    expect(ann.hears()).toEqual([removed('bob')]);
    expect(bob.hears()).toEqual([]);
  });

  test('compares ids as texts: the number 10 and the text "10" are one user', () => {
    const session = new EngineSession();
    const bob = session.joins(ROOM, { user_id: 'bob' });
    session.joins(ROOM, { user_id: 10, user_info: { name: 'Mr. Channels' } });
    session.joins(ROOM, { user_id: '10', user_info: { name: 'Mr. Channels' } });
    expect(bob.hears()).toEqual([added('10', { name: 'Mr. Channels' })]);
  });

  test.each([
    ['9007199254740993', '{"user_id":9007199254740993}'],
    ['9007199254740992', '{"user_id":9007199254740992}'],
    ['9007199254740993', '{"user_info":{"user_id":1},"user_id":9007199254740993}'],
    ['9007199254740993', '{"user_info":{"user_id":1},"user_id": 9007199254740993 }'],
    ['9007199254740993', '{"user_id":1,"user_id":9007199254740993}'],
  ])('takes the number %s for itself or for nobody, and never for another user: %s', (id, channelData) => {
    const session = new EngineSession();
    const bob = session.joins(ROOM, { user_id: 'bob' });
    const client = session.connects();
    client.subscribes(ROOM, channelData);
    const isRefused = client.hears().some(({ event }) => event === 'pusher:error');
    const seen = bob.hears().map(({ data }) => (data as { user_id: string }).user_id);
    expect(seen).toEqual(isRefused ? [] : [id]);
  });

  test.each(
    titled([
      '__proto__',
      'constructor',
      'toString',
      'ü',
      '💬',
      'a b',
      '"',
      '0',
      'x'.repeat(255),
      '💬'.repeat(200),
    ]),
  )('takes %s for an id like any other', (_, id) => {
    const session = new EngineSession();
    const bob = session.joins(ROOM, { user_id: 'bob' });
    const client = session.connects();
    client.subscribes(ROOM, { user_id: id, user_info: 1 });
    const [answer] = client.hears();
    const { presence } = answer?.data as { presence: { ids: string[]; hash: object; count: number } };
    expect([...presence.ids].sort()).toEqual(['bob', id].sort());
    expect(Object.entries(presence.hash)).toContainEqual([id, 1]);
    expect(presence.count).toBe(2);
    client.unsubscribes(ROOM);
    expect(bob.hears()).toEqual([added(id, 1), removed(id)]);
  });

  test.each(['null', '[]', '7', '"x"', 'Hello', '{', '{}', '{"user_id":null}', '{"user_id":""}'])(
    'is closed to the channel_data %s, although it is signed',
    (channelData) => {
      const session = new EngineSession();
      const client = session.connects();
      client.subscribes(ROOM, channelData);
      expect(client.hears()).toEqual([anError(4009)]);
      expect(session.engine.channels).toBe(0);
    },
  );

  test.each(['{"user_id":true}', '{"user_id":{}}', '{"user_id":["a"]}', '{"__proto__":{"user_id":"a"}}'])(
    'is closed to the id of %s',
    (channelData) => {
      const client = new EngineSession().connects();
      client.subscribes(ROOM, channelData);
      expect(client.hears()).toEqual([anError(4009)]);
    },
  );

  test.each([[7], [[]], [{ user_id: 'ann' }]])('is closed to channel_data that is no text: %j', (data) => {
    const client = new EngineSession().connects();
    client.says('pusher:subscribe', { channel: ROOM, auth: `${APP.key}:x`, channel_data: data });
    expect(client.hears()).toEqual([anError(null)]);
  });

  test('is closed to channel_data that was changed after it was signed', () => {
    const client = new EngineSession().connects();
    const { auth } = channelAuth(APP, client.id, ROOM, { user_id: 'ann' });
    const channel_data = JSON.stringify({ user_id: 'admin' });
    client.says('pusher:subscribe', { channel: ROOM, auth, channel_data });
    expect(client.hears()).toEqual([anError(4009)]);
  });

  test('is closed without channel_data and without a signin', () => {
    const client = new EngineSession().connects();
    client.subscribes(ROOM);
    expect(client.hears()).toEqual([anError(4009)]);
  });
});

describe('A member with another info (3.6)', () => {
  const ANN = { user_id: 'ann', user_info: { name: 'Ann', at: [1] } };
  const ANNA = { user_id: 'ann', user_info: { name: 'Anna', at: [1] } };
  const renamed = [removed('ann'), added('ann', ANNA.user_info)];

  /** Bob looks on, and the channel events are written down. */
  function room() {
    const session = new EngineSession();
    const told: string[] = [];
    session.events.listen(({ name }) => told.push(name));
    return { session, told, bob: session.joins(ROOM, { user_id: 'bob' }) };
  }

  test('is told to all as a leave and a join, and to newcomers with the new info', () => {
    const { session, bob } = room();
    session.joins(ROOM, ANN).isLost();
    bob.hears();
    const anna = session.connects();
    anna.subscribes(ROOM, ANNA);
    expect(bob.hears()).toEqual(renamed);
    expect(anna.hears()).toEqual([roster({ bob: null, ann: ANNA.user_info })]);
    expect(session.connects().hears()).toEqual([]);
    const cy = session.connects();
    cy.subscribes(ROOM, { user_id: 'cy' });
    expect(cy.hears()).toEqual([roster({ bob: null, ann: ANNA.user_info, cy: null })]);
  });

  test('is told to a first tab when a second one brings it, and the last one counts when either closes', () => {
    const { session, bob } = room();
    const first = session.joins(ROOM, ANN);
    bob.hears();
    const second = session.joins(ROOM, ANNA);
    expect(first.hears()).toEqual(renamed);
    expect(bob.hears()).toEqual(renamed);
    second.unsubscribes(ROOM);
    expect([...first.hears(), ...bob.hears()]).toEqual([]);
    const late = session.connects();
    late.subscribes(ROOM, { user_id: 'late' });
    expect(late.hears()).toEqual([roster({ bob: null, ann: ANNA.user_info, late: null })]);
  });

  test('is no news where it is the same, in whatever order', () => {
    const { session, bob } = room();
    session.joins(ROOM, ANN);
    bob.hears();
    session.joins(ROOM, ANN);
    session.joins(ROOM, { user_id: 'ann', user_info: { at: [1], name: 'Ann' } });
    expect(bob.hears()).toEqual([]);
  });

  test('is told when it is taken away, and when it comes with a signin', () => {
    const { session, bob } = room();
    session.joins(ROOM, ANN);
    bob.hears();
    session.joins(ROOM, { user_id: 'ann' });
    expect(bob.hears()).toEqual([removed('ann'), added('ann')]);
    session.signsIn('ann', { user_info: ANNA.user_info }).subscribes(ROOM);
    expect(bob.hears()).toEqual(renamed);
  });

  test('is no coming and going for channel events: these tell of one join and one leave', async () => {
    const { session, told } = room();
    const ann = session.joins(ROOM, ANN);
    const anna = session.joins(ROOM, ANNA);
    for (const tab of [ann, anna]) tab.unsubscribes(ROOM);
    await Promise.resolve();
    expect(told).toEqual(['channel_occupied', 'member_added', 'member_added', 'member_removed']);
  });
});

describe('Presence by signin (3.5)', () => {
  test('takes id and info of the user who is signed in', () => {
    const session = new EngineSession();
    const bob = session.joins(ROOM, { user_id: 'bob' });
    const ann = session.signsIn('ann', { user_info: { name: 'Ann' } });
    ann.subscribes(ROOM);
    expect(ann.hears()).toEqual([roster({ bob: null, ann: { name: 'Ann' } })]);
    expect(bob.hears()).toEqual([added('ann', { name: 'Ann' })]);
  });

  test('still needs a good signature', () => {
    const ann = new EngineSession().signsIn('ann');
    ann.says('pusher:subscribe', { channel: ROOM, auth: '' });
    expect(ann.hears()).toEqual([anError(4009)]);
  });

  test('is one user with a connection that came by channel_data', () => {
    const session = new EngineSession();
    const bob = session.joins(ROOM, { user_id: 'bob' });
    session.joins(ROOM, { user_id: 'ann' });
    session.signsIn('ann').subscribes(ROOM);
    expect(bob.hears()).toEqual([added('ann')]);
  });
});

describe('The limits of a presence channel (3.6)', () => {
  test('are 100 members; the next is refused and changes nothing for the others', () => {
    const session = new EngineSession();
    const first = session.joins(ROOM, { user_id: 'member-0' });
    for (let i = 1; i < 100; i++) session.joins(ROOM, { user_id: `member-${i}` });
    first.hears();
    const late = session.connects();
    late.subscribes(ROOM, { user_id: 'late' });
    expect(late.hears()).toEqual([{ event: 'pusher:error', data: expect.anything() as unknown }]);
    expect(late.closes).toEqual([]);
    expect(first.hears()).toEqual([]);
    void session.engine.publish(ROOM, 'created', '{}');
    expect(late.hears()).toEqual([]);
  });

  test('are told with the name of the channel, because a client may have asked for many', () => {
    const session = new EngineSession({ limits: { presenceMembers: 1 } });
    session.joins(ROOM, { user_id: 'ann' });
    const client = session.connects();
    client.subscribes(ROOM, { user_id: 'bob' });
    client.subscribes('presence-large', { user_id: 'bob', user_info: 'x'.repeat(1_024) });
    client.says('pusher:subscribe', { channel: 'presence-nobody', auth: 'x' });
    client.says('pusher:subscribe', { channel: 'a b' });
    const messages = client.hears().map(({ data }) => (data as { message: string }).message);
    expect(messages).toEqual([
      `The presence channel ${ROOM} is full: 1 members are allowed`,
      'Invalid channel_data: more than 1024 bytes (subscription to presence-large)',
      'Invalid signature for the subscription to presence-nobody',
      expect.stringContaining('(subscription to a b)') as string,
    ]);
  });

  test('admit a further connection of a member when it is full, and a new member when one has left', () => {
    const session = new EngineSession();
    const members = Array.from({ length: 100 }, (_, i) => session.joins(ROOM, { user_id: `member-${i}` }));
    const tab = session.connects();
    tab.subscribes(ROOM, { user_id: 'member-0' });
    expect(tab.hears()).toMatchObject([{ event: 'pusher_internal:subscription_succeeded' }]);
    members[50]?.unsubscribes(ROOM);
    const late = session.connects();
    late.subscribes(ROOM, { user_id: 'late' });
    expect(late.hears()).toMatchObject([{ data: { presence: { count: 100 } } }]);
  });

  test('are 255 characters of an id', () => {
    const client = new EngineSession().connects();
    client.subscribes(ROOM, { user_id: 'x'.repeat(256) });
    expect(client.hears()).toEqual([anError(4009)]);
  });

  test('are 1 KB of a user: what is over it is refused', () => {
    const client = new EngineSession().connects();
    client.subscribes(ROOM, { user_id: 'ann', user_info: 'x'.repeat(1_100) });
    expect(client.hears()).toEqual([anError(4009)]);
    client.subscribes(ROOM, { user_id: 'ann', user_info: 'x'.repeat(900) });
    expect(client.hears()).toHaveLength(1);
  });

  test('are 1 KB in bytes, not in characters', () => {
    const client = new EngineSession().connects();
    client.subscribes(ROOM, { user_id: 'ann', user_info: 'ü'.repeat(600) });
    expect(client.hears()).toEqual([anError(4009)]);
  });

  test('are 1 KB of a user who comes by signin too', () => {
    const session = new EngineSession();
    const bob = session.joins(ROOM, { user_id: 'bob' });
    const ann = session.signsIn('ann', { user_info: 'x'.repeat(1_100) });
    ann.subscribes(ROOM);
    expect(ann.hears()).toEqual([anError(4009)]);
    expect(bob.hears()).toEqual([]);
  });
});
