import { titled } from '../../../support/titled.js';
import { Api } from './support.js';

const EVENT = { name: 'created', channel: 'orders', data: '{"id":7}' };
const channels = (count: number) => Array.from({ length: count }, (_, n) => `orders-${n}`);

describe('POST /events (3.13)', () => {
  test.each([
    ['channel', { ...EVENT }],
    ['channels', { ...EVENT, channel: undefined, channels: ['orders'] }],
    ['a channel, and null where others are not', { ...EVENT, channels: null, socket_id: null, info: null }],
  ])('takes %s, and answers with an empty JSON object', async (_, event) => {
    const api = await Api.start();
    const client = api.session.joins('orders');
    const answer = await api.post('/events', event);
    expect(answer).toMatchObject({ status: 200, body: {} });
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(client.hearsRaw()).toEqual([{ event: 'created', channel: 'orders', data: '{"id":7}' }]);
  });

  test.each(titled(['', 'plain text', '123', '"quoted"', '{"broken', '\u0000\u2028👩‍🚀', '\ud800']))(
    'passes the data %s on as the text it is',
    async (_, data) => {
      const api = await Api.start();
      const client = api.session.joins('orders');
      expect(await api.post('/events', { ...EVENT, data })).toMatchObject({ status: 200 });
      expect(client.hearsRaw()).toEqual([{ event: 'created', channel: 'orders', data }]);
    },
  );

  test('passes on what is encrypted already, and needs no key for it', async () => {
    const api = await Api.start();
    const client = api.session.joins('private-encrypted-orders');
    const data = '{"nonce":"bm9uY2U=","ciphertext":"dGV4dA=="}';
    await api.post('/events', { ...EVENT, channel: 'private-encrypted-orders', data });
    expect(client.hearsRaw()).toMatchObject([{ data }]);
  });

  test('reaches a user’s own channel, in the list too', async () => {
    const api = await Api.start();
    const [ann, bob] = [api.session.signsIn('ann'), api.session.signsIn('bob')];
    await api.post('/events', { ...EVENT, channel: '#server-to-user-ann' });
    await api.post('/events', {
      name: 'both',
      channels: ['#server-to-user-ann', '#server-to-user-bob'],
      data: '',
    });
    expect(ann.hears().map(({ event }) => event)).toEqual(['created', 'both']);
    expect(bob.hears().map(({ event }) => event)).toEqual(['both']);
  });

  test('reaches a channel that is listed twice once', async () => {
    const api = await Api.start();
    const client = api.session.joins('orders');
    await api.post('/events', { name: 'created', channels: ['orders', 'orders'], data: '' });
    expect(client.hears()).toHaveLength(1);
  });

  test('leaves the connection with socket_id out', async () => {
    const api = await Api.start();
    const [one, other] = [api.session.joins('orders'), api.session.joins('orders')];
    await api.post('/events', { ...EVENT, socket_id: one.id });
    expect([one.hears().length, other.hears().length]).toEqual([0, 1]);
  });

  test('is remembered by a cache channel (3.9)', async () => {
    const api = await Api.start();
    await api.post('/events', { ...EVENT, channel: 'cache-orders' });
    const late = api.session.connects();
    late.subscribes('cache-orders');
    expect(late.hears()).toMatchObject([{}, { event: 'created', data: { id: 7 } }]);
  });

  test('may have a name that clients use: the caller holds the secret', async () => {
    const api = await Api.start();
    const client = api.session.joins('private-orders');
    expect(
      await api.post('/events', { ...EVENT, channel: 'private-orders', name: 'client-moved' }),
    ).toMatchObject({ status: 200 });
    expect(client.hears()).toMatchObject([{ event: 'client-moved' }]);
  });

  test('takes 100 channels, 200 characters of name and 10 240 bytes of data', async () => {
    const api = await Api.start();
    const client = api.session.joins('orders-99');
    const event = { name: 'é'.repeat(200), channels: channels(100), data: 'é'.repeat(5_120) };
    expect(await api.post('/events', event)).toMatchObject({ status: 200 });
    expect(client.hears()).toHaveLength(1);
  });

  test('takes an event at every limit, in the longest way to write it in JSON', async () => {
    const api = await Api.start();
    const text = (length: number) => `"${'\\u0001'.repeat(length)}"`;
    const names = channels(100).map((name) => name.padEnd(164, '-'));
    const body = `{"name":${text(200)},"channels":${JSON.stringify(names, undefined, 4)},"data":${text(10_240)},"info":"user_count,subscription_count"}`;
    expect(await api.post('/events', body)).toMatchObject({ status: 200 });
  });

  test.each([
    [413, { data: 'é'.repeat(5_121) }, '10242'],
    [413, { data: 'x'.repeat(10_241) }, 'exceeds the allowed maximum (10240 bytes)'],
    [400, { data: undefined }, '"data": it is missing'],
    [400, { data: null }, '"data": it is not a text'],
    [400, { data: { id: 7 } }, '"data": it is not a text'],
    [400, { data: 7 }, '"data": it is not a text'],
    [400, { name: undefined }, '"name"'],
    [400, { name: '' }, '"name": it is empty'],
    [400, { name: 7 }, '"name": it is a number'],
    [400, { name: 'x'.repeat(201) }, '"name": it has 201 characters, 200 are allowed'],
    [400, { name: `client-${'x'.repeat(194)}` }, '"name": it has 201 characters, 200 are allowed'],
    [400, { name: 'pusher:created' }, '"pusher:"'],
    [400, { name: 'pusher_internal:created' }, '"pusher_internal:"'],
    [400, { channel: undefined }, '"channel"'],
    [400, { channel: '' }, '"channel": it is empty'],
    [400, { channel: 7 }, '"channel": it is a number'],
    [400, { channel: ['orders'] }, '"channel": it is a list, not a text'],
    [400, { channel: 'or ders' }, '"channel": only these characters'],
    [400, { channel: 'x'.repeat(165) }, '164 are allowed'],
    [400, { channel: '#server-to-user-' }, '"channel": it is empty'],
    [
      400,
      { channel: `#server-to-user-${'x'.repeat(256)}` },
      '"channel": it has 256 characters, 255 are allowed',
    ],
    [400, { channel: '#server-to-user-=a b' }, '"channel": it begins with "=", which marks an escaped id'],
    [400, { channel: '#other' }, '"channel": only these characters'],
    [400, { channels: ['orders'] }, 'not both'],
    [400, { channel: undefined, channels: [] }, '"channels"'],
    [400, { channel: undefined, channels: 'orders' }, '"channels"'],
    [400, { channel: undefined, channels: { 0: 'orders' } }, '"channels"'],
    [400, { channel: undefined, channels: channels(101) }, 'it has 101 names, 100 are allowed'],
    [400, { channel: undefined, channels: ['orders', null] }, '"channels[1]"'],
    [400, { channel: undefined, channels: ['orders', 'or/ders'] }, '"channels[1]"'],
    [400, { channel: undefined, channels: ['a', 'private-encrypted-b'] }, 'must be the only one'],
    [400, { socket_id: '' }, '"socket_id"'],
    [400, { socket_id: '1.2.3' }, '"socket_id"'],
    [400, { socket_id: 1.2 }, '"socket_id"'],
    [400, { info: ['user_count'] }, '"info"'],
    [400, { info: 'user_counts' }, '"info": "user_counts" is not available here'],
    [400, { info: 'cache' }, '"info": "cache" is not available here'],
  ])('is refused with %i for %j', async (status, changes, words) => {
    const api = await Api.start();
    const client = api.session.joins('orders');
    const answer = await api.post('/events', { ...EVENT, ...changes });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(answer.body).toContain(words);
    expect(client.hears()).toEqual([]);
  });

  test.each(titled(['', '[]', 'null', '"text"', '7', '{', 'name=created', '{"name":"created"}\n{}']))(
    'is refused with 400 for the body %s',
    async (_, body) => {
      const api = await Api.start();
      expect((await api.post('/events', body)).status).toBe(400);
    },
  );

  test('reads what a body names __proto__ as nothing special', async () => {
    const api = await Api.start();
    const body = `{"__proto__":${JSON.stringify(EVENT)},"constructor":{"prototype":{"data":""}}}`;
    expect(await api.post('/events', body)).toMatchObject({ status: 400 });
    expect(Reflect.get({}, 'data')).toBeUndefined();
  });

  test('is refused with 400 when its body is not UTF-8, although the MD5 is right', async () => {
    const api = await Api.start();
    const body = Buffer.from(JSON.stringify({ ...EVENT, data: 'é' }), 'latin1');
    expect(await api.post('/events', body)).toMatchObject({ status: 400, body: 'The body is not UTF-8\n' });
  });
});

describe('info on events (3.13)', () => {
  test('answers with the attributes of each channel that it has, and an empty object where it has none', async () => {
    const api = await Api.start();
    api.session.joins('presence-room', { user_id: 'ann' });
    api.session.joins('presence-room', { user_id: 'ann' });
    api.session.joins('presence-room', { user_id: 'bob' });
    api.session.joins('orders');
    const send = (info: string) =>
      api.post('/events', { name: 'x', data: '', channels: ['presence-room', 'orders', '__proto__'], info });
    expect((await send('user_count,subscription_count')).body).toEqual({
      channels: Object.fromEntries([
        ['presence-room', { user_count: 2, subscription_count: 3 }],
        ['orders', { subscription_count: 1 }],
        ['__proto__', { subscription_count: 0 }],
      ]),
    });
    expect((await send('user_count')).body).toEqual({
      channels: Object.fromEntries([
        ['presence-room', { user_count: 2 }],
        ['orders', {}],
        ['__proto__', {}],
      ]),
    });
    expect((await send('')).body).toMatchObject({ channels: { 'presence-room': {}, orders: {} } });
  });
});

describe('POST /batch_events (3.13)', () => {
  const batch = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ ...EVENT, name: `event-${n}` }));

  test('sends up to ten events in their order, and answers with an empty JSON object', async () => {
    const api = await Api.start();
    const client = api.session.joins('orders');
    expect(await api.post('/batch_events', { batch: batch(10) })).toMatchObject({ status: 200, body: {} });
    expect(client.hears().map(({ event }) => event)).toEqual(batch(10).map(({ name }) => name));
  });

  test('has no event without a channel', async () => {
    const api = await Api.start();
    const { channel: _, ...rest } = EVENT;
    const answer = await api.post('/batch_events', { batch: [rest] });
    expect(answer).toMatchObject({ status: 400, body: '"batch[0].channel": it is missing\n' });
  });

  test('leaves out the connection of each event’s own socket_id', async () => {
    const api = await Api.start();
    const [one, other] = [api.session.joins('orders'), api.session.joins('orders')];
    await api.post('/batch_events', { batch: [{ ...EVENT, socket_id: one.id }, EVENT] });
    expect([one.hears().length, other.hears().length]).toEqual([1, 2]);
  });

  test('answers with one entry for each event, at its index, when one of them asks for info', async () => {
    const api = await Api.start();
    api.session.joins('presence-room', { user_id: 'ann' });
    api.session.joins('orders');
    const events = [
      { ...EVENT, channel: 'presence-room', info: 'user_count,subscription_count' },
      EVENT,
      { ...EVENT, info: 'subscription_count' },
      { ...EVENT, info: 'user_count' },
    ];
    expect((await api.post('/batch_events', { batch: events })).body).toEqual({
      batch: [{ user_count: 1, subscription_count: 1 }, {}, { subscription_count: 1 }, {}],
    });
  });

  test('may be empty', async () => {
    const api = await Api.start();
    expect(await api.post('/batch_events', { batch: [] })).toMatchObject({ status: 200, body: {} });
  });

  test('takes ten events at their limits, in the longest way to write them in JSON', async () => {
    const api = await Api.start();
    const text = (length: number) => `"${'\\u0001'.repeat(length)}"`;
    const event = `{"name":${text(200)},"channel":"${'x'.repeat(164)}","data":${text(10_240)}}`;
    const body = `{"batch":[${Array.from({ length: 10 }, () => event).join()}]}`;
    expect(await api.post('/batch_events', body)).toMatchObject({ status: 200 });
  });

  test.each([
    [400, batch(11), 'Batch too large (11 > 10)'],
    [400, undefined, '"batch"'],
    [400, { 0: EVENT }, '"batch"'],
    [400, [EVENT, null], '"batch[1]"'],
    [400, [EVENT, [EVENT]], '"batch[1]"'],
    [400, [EVENT, { ...EVENT, data: {} }], '"batch[1].data"'],
    [413, [EVENT, { ...EVENT, data: 'x'.repeat(10_241) }], '"batch[1].data"'],
    [400, [EVENT, { ...EVENT, name: 'pusher:x' }], '"batch[1].name"'],
    [400, [EVENT, { ...EVENT, channel: 'a b' }], '"batch[1].channel"'],
    [400, [EVENT, { ...EVENT, channels: ['orders'] }], '"batch[1].channels": send one "channel"'],
    [400, [EVENT, { ...EVENT, socket_id: 'x' }], '"batch[1].socket_id"'],
    [400, [EVENT, { ...EVENT, info: 'x' }], '"info"'],
  ])('is refused with %i as a whole, and nothing is sent: %j', async (status, events, words) => {
    const api = await Api.start();
    const client = api.session.joins('orders');
    const answer = await api.post('/batch_events', { batch: events });
    expect(answer.status).toBe(status);
    expect(answer.body).toContain(words);
    expect(client.hears()).toEqual([]);
  });
});
