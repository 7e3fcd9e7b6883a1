import { wireMemberId } from '../../../../src/protocol/member-id.js';
import { Api } from './support.js';

async function withChannels() {
  const api = await Api.start();
  api.session.joins('presence-room', { user_id: 'ann' });
  api.session.joins('presence-room', { user_id: 'ann' });
  api.session.joins('presence-room', { user_id: 'bob' });
  api.session.joins('presence-hall', { user_id: 7 });
  api.session.joins('orders');
  api.session.joins('orders');
  api.session.joins('__proto__');
  api.session.signsIn('ann');
  return api;
}

describe('GET /channels (3.13)', () => {
  test('lists the occupied channels, and never a user’s own', async () => {
    const api = await withChannels();
    expect(await api.get('/channels')).toMatchObject({
      status: 200,
      body: {
        channels: Object.fromEntries([
          ['presence-room', {}],
          ['presence-hall', {}],
          ['orders', {}],
          ['__proto__', {}],
        ]),
      },
    });
    const params = { filter_by_prefix: '#server-to-user-' };
    expect((await api.get('/channels', { params })).body).toEqual({ channels: {} });
  });

  test('is an empty object when nothing is occupied', async () => {
    const api = await Api.start();
    expect((await api.get('/channels')).body).toEqual({ channels: {} });
  });

  test('lists any number of them in one answer, and lets everybody else have a turn meanwhile', async () => {
    const api = await Api.start({ channelsPerConnection: 0, subscribesPerSecond: 0, messagesPerSecond: 0 });
    const client = api.session.connects();
    const names = Array.from({ length: 20_000 }, (_, n) => (n % 2 === 0 ? `orders-${n}` : `presence-${n}`));
    for (const name of names) client.subscribes(name, { user_id: 'ann' });
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    const asked = api.session.engine.occupiedChannels('presence-');
    setImmediate(count);
    expect(await asked).toHaveLength(10_000);
    expect(turns).toBeGreaterThanOrEqual(15);
    const answer = await api.get('/channels');
    expect(Object.keys((answer.body as { channels: object }).channels)).toEqual(names);
    expect(Number(answer.headers.get('content-length'))).toBeGreaterThan(20_000);
    const params = { filter_by_prefix: 'presence-', info: 'user_count' };
    turns = 0;
    const counted = await api.get('/channels', { params });
    isOver = true;
    expect(Object.values((counted.body as { channels: object }).channels)).toEqual(
      Array.from({ length: 10_000 }, () => ({ user_count: 1 })),
    );
    expect(turns).toBeGreaterThanOrEqual(25);
  });

  test('lists those that begin with filter_by_prefix', async () => {
    const api = await withChannels();
    const params = { filter_by_prefix: 'presence-h' };
    expect((await api.get('/channels', { params })).body).toEqual({ channels: { 'presence-hall': {} } });
  });

  test('counts distinct users with info=user_count', async () => {
    const api = await withChannels();
    const params = { filter_by_prefix: 'presence-', info: 'user_count' };
    expect((await api.get('/channels', { params })).body).toEqual({
      channels: { 'presence-room': { user_count: 2 }, 'presence-hall': { user_count: 1 } },
    });
  });

  test.each([{}, { filter_by_prefix: 'private-' }, { filter_by_prefix: 'presence' }])(
    'is refused with 400 for user_count with %j, because not only presence channels are asked for',
    async (filter) => {
      const api = await withChannels();
      const answer = await api.get('/channels', { params: { ...filter, info: 'user_count' } });
      expect(answer.status).toBe(400);
      expect(answer.body).toContain('user_count may only be requested for presence channels');
    },
  );

  test.each(['subscription_count', 'cache', 'users', '__proto__'])(
    'is refused with 400 for info=%s',
    async (info) => {
      const api = await withChannels();
      const params = { filter_by_prefix: 'presence-', info };
      expect(await api.get('/channels', { params })).toMatchObject({ status: 400 });
    },
  );
});

describe('GET /channels/:name (3.13)', () => {
  test.each([
    ['orders', '', { occupied: true }],
    ['nobody', '', { occupied: false }],
    ['orders', 'subscription_count', { occupied: true, subscription_count: 2 }],
    ['nobody', 'subscription_count', { occupied: false, subscription_count: 0 }],
    ['presence-room', 'user_count', { occupied: true, user_count: 2 }],
    ['presence-nobody', 'user_count', { occupied: false, user_count: 0 }],
    [
      'presence-room',
      'user_count,subscription_count',
      { occupied: true, user_count: 2, subscription_count: 3 },
    ],
    [
      'presence-cache-nobody',
      'user_count,subscription_count,cache',
      { user_count: 0, subscription_count: 0, cache: null },
    ],
    ['%6Frders', '', { occupied: true }],
    ['__proto__', 'subscription_count', { occupied: true, subscription_count: 1 }],
    ['%23server-to-user-ann', '', { occupied: true }],
    ['%23server-to-user-bob', '', { occupied: false }],
  ])('tells of %s, with info=%s', async (name, info, body) => {
    const api = await withChannels();
    const params: Record<string, string> = info === '' ? {} : { info };
    expect(await api.get(`/channels/${name}`, { params })).toMatchObject({ status: 200, body });
  });

  test('tells that a user is there for as long as the user is signed in', async () => {
    const api = await Api.start();
    const ann = api.session.signsIn('ann');
    ann.unsubscribes('#server-to-user-ann');
    expect((await api.get('/channels/%23server-to-user-ann')).body).toEqual({ occupied: true });
    ann.isLost();
    expect((await api.get('/channels/%23server-to-user-ann')).body).toEqual({ occupied: false });
  });

  test('tells what a cache channel remembers and for how many seconds yet, or null (3.9)', async () => {
    const api = await Api.start();
    const cache = async () =>
      (await api.get('/channels/private-cache-rates', { params: { info: 'cache,subscription_count' } })).body;
    expect(await cache()).toEqual({ occupied: false, subscription_count: 0, cache: null });
    await api.post('/events', { name: 'set', channel: 'private-cache-rates', data: '{"eur":1}' });
    api.session.clock.advance(60_500);
    expect(await cache()).toMatchObject({ occupied: false, cache: { data: '{"eur":1}', ttl: 1_740 } });
    api.session.clock.advance(30 * 60_000);
    expect(await cache()).toMatchObject({ cache: null });
  });

  test.each([
    ['orders', 'user_count', 'Cannot retrieve the user count unless the channel is a presence channel'],
    ['orders', 'cache', 'Cannot retrieve the cache unless the channel is a cache channel'],
    ['orders', 'members', '"members" is not available here: ask for user_count, subscription_count, cache'],
    ['or%20ders', '', 'Invalid channel name'],
    ['or%2Fders', '', 'Invalid channel name'],
    ['%23other', '', 'Invalid channel name'],
    ['', '', 'Invalid channel name'],
    ['%ff', '', 'malformed percent-encoding'],
    ['%', '', 'malformed percent-encoding'],
  ])('is refused with 400 for %s with info=%s', async (name, info, words) => {
    const api = await withChannels();
    const params: Record<string, string> = info === '' ? {} : { info };
    const answer = await api.get(`/channels/${name}`, { params });
    expect(answer.status).toBe(400);
    expect(answer.body).toContain(words);
  });
});

describe('GET /channels/:name/users (3.13)', () => {
  test('lists each user of a presence channel once', async () => {
    const api = await withChannels();
    expect(await api.get('/channels/presence-room/users')).toMatchObject({
      status: 200,
      body: { users: [{ id: 'ann' }, { id: 'bob' }] },
    });
    expect((await api.get('/channels/presence-hall/users')).body).toEqual({ users: [{ id: '7' }] });
    expect((await api.get('/channels/presence-nobody/users')).body).toEqual({ users: [] });
  });

  test.each(['orders', 'private-orders', '%23server-to-user-ann', 'presence-a%20b'])(
    'is refused with 400 for %s',
    async (name) => {
      const api = await withChannels();
      expect(await api.get(`/channels/${name}/users`)).toMatchObject({ status: 400 });
    },
  );

  test('takes no parameters, and names the one it was given', async () => {
    const api = await withChannels();
    const answer = await api.get('/channels/presence-room/users', { params: { info: 'user_count' } });
    expect(answer).toMatchObject({
      status: 400,
      body: 'The following query parameters are extraneous: info\n',
    });
  });
});

describe('POST /users/:user_id/terminate_connections (3.13)', () => {
  test('ends every connection of the user, and nobody else’s', async () => {
    const api = await Api.start();
    const tabs = [api.session.signsIn('ann=1@x'), api.session.signsIn('ann=1@x')];
    const bob = api.session.signsIn('bob');
    for (const body of ['{}', undefined]) {
      expect(await api.post('/users/ann%3D1@x/terminate_connections', body)).toMatchObject({
        status: 200,
        body: {},
      });
    }
    expect(tabs.map(({ closes }) => closes)).toEqual([[4009], [4009]]);
    expect(bob.closes).toEqual([]);
  });

  test('ends the connections of a user whose id needs escaping, named by the id itself or by its wire form', async () => {
    const api = await Api.start();
    for (const path of ['auth0%7C5f/7%0A'.replace('/', '%2F'), wireMemberId('auth0|5f/7\n')]) {
      const tab = api.session.signsIn('auth0|5f/7\n');
      expect(await api.post(`/users/${path}/terminate_connections`, '{}')).toMatchObject({ status: 200 });
      expect(tab.closes).toEqual([4009]);
    }
  });

  test.each(['x'.repeat(256), '=a%20b', `=${'x'.repeat(128)}`])(
    'is refused with 400 for the user id %s',
    async (id) => {
      const api = await Api.start();
      const answer = await api.post(`/users/${id}/terminate_connections`, '{}');
      expect(answer.status).toBe(400);
      expect(answer.body).toContain('Invalid user id');
    },
  );
});
