import { anError, APP, EngineSession, succeeded } from '../support/engine-session.js';
import { authFor, channelAuth } from '../support/signing.js';
import { titled } from '../support/titled.js';

describe('A connection (3.1)', () => {
  test('is greeted with its socket id and the activity timeout, as a JSON string', () => {
    const client = new EngineSession({ activityTimeoutS: 30 }).connects();
    expect(client.greeting).toEqual([
      { event: 'pusher:connection_established', data: { socket_id: client.id, activity_timeout: 30 } },
    ]);
  });

  test('is counted while it is open', () => {
    const session = new EngineSession();
    const [first] = [session.connects(), session.connects()];
    expect(session.engine.connections).toBe(2);
    first.isLost();
    first.isLost();
    expect(session.engine.connections).toBe(1);
  });
});

describe('A public channel (3.5)', () => {
  test('is open to everybody, with auth empty as pusher-js sends it', () => {
    const client = new EngineSession().connects();
    client.says('pusher:subscribe', { auth: '', channel: 'orders' });
    expect(client.hearsRaw()).toEqual([
      { event: 'pusher_internal:subscription_succeeded', channel: 'orders', data: '{}' },
    ]);
  });

  test('is open without any auth, and to data sent as text (3.2)', () => {
    const client = new EngineSession().connects();
    client.says('pusher:subscribe', { channel: 'orders' });
    client.says('pusher:subscribe', '{"channel":"invoices"}');
    expect(client.hears()).toEqual([succeeded('orders'), succeeded('invoices')]);
  });

  test('hears what is published to it, once, with the data as a JSON string', () => {
    const session = new EngineSession();
    const subscriber = session.joins('orders');
    const stranger = session.joins('invoices');
    void session.engine.publish('orders', 'created', '{"id":7}');
    expect(subscriber.hearsRaw()).toEqual([{ event: 'created', channel: 'orders', data: '{"id":7}' }]);
    expect(stranger.hears()).toEqual([]);
  });

  test('hears nothing any more after it was unsubscribed, and the client hears no answer (3.3)', () => {
    const session = new EngineSession();
    const client = session.joins('orders');
    client.unsubscribes('orders');
    void session.engine.publish('orders', 'created', '{}');
    expect(client.hears()).toEqual([]);
    expect(session.engine.channels).toBe(0);
  });

  test('can be subscribed again after it was unsubscribed', () => {
    const client = new EngineSession().joins('orders');
    client.unsubscribes('orders');
    client.subscribes('orders');
    expect(client.hears()).toEqual([succeeded('orders')]);
  });

  test('that is unknown can be unsubscribed: it is ignored (3.3)', () => {
    const session = new EngineSession();
    const bystander = session.joins('orders');
    const client = session.connects();
    client.unsubscribes('orders');
    client.unsubscribes('nowhere');
    client.unsubscribes('#server-to-user-7');
    expect(client.hears()).toEqual([]);
    void session.engine.publish('orders', 'created', '{}');
    expect(bystander.hears()).toHaveLength(1);
  });

  test('that is subscribed twice answers an error with the code null, and stays subscribed (3.3)', () => {
    const session = new EngineSession();
    const client = session.joins('orders');
    client.subscribes('orders');
    const message = 'Existing subscription to channel orders';
    expect(client.hears()).toEqual([{ event: 'pusher:error', data: { code: null, message } }]);
    void session.engine.publish('orders', 'created', '{}');
    expect(client.hears()).toHaveLength(1);
    expect(client.closes).toEqual([]);
  });

  test('is left when the connection is lost', () => {
    const session = new EngineSession();
    const client = session.joins('orders');
    client.isLost();
    void session.engine.publish('orders', 'created', '{}');
    expect(client.hears()).toEqual([]);
    session.clock.advance(3_000);
    expect([session.engine.connections, session.engine.channels]).toEqual([0, 0]);
  });

  test('is public whatever stands in the middle of its name', () => {
    const client = new EngineSession().connects();
    client.subscribes('foo-private-x');
    client.subscribes('x-presence-y');
    expect(client.hears()).toEqual([succeeded('foo-private-x'), succeeded('x-presence-y')]);
  });
});

describe('A channel name that is none (3.5)', () => {
  const names = [
    '',
    'a b',
    'straße',
    '💬',
    'a/b',
    'orders\n',
    '#orders',
    'x'.repeat(165),
    'x'.repeat(50_000),
  ];

  test.each(titled([...names, 'private-'.padEnd(165, 'x')]))('is refused: %s', (_, channel) => {
    const session = new EngineSession();
    const client = session.connects();
    client.subscribes(channel);
    expect(client.hears()).toEqual([{ event: 'pusher:error', data: expect.anything() as unknown }]);
    expect(client.closes).toEqual([]);
    expect(session.engine.channels).toBe(0);
  });

  test('may have 164 characters', () => {
    const client = new EngineSession().connects();
    const channel = 'private-'.padEnd(164, 'x');
    client.subscribes(channel);
    expect(client.hears()).toEqual([succeeded(channel)]);
  });

  test.each([[7], [true], [['orders']], [{ a: 1 }]])('and no text either is refused: %j', (channel) => {
    const client = new EngineSession().connects();
    client.says('pusher:subscribe', { channel, auth: '' });
    expect(client.hears()).toEqual([anError(null)]);
  });
});

describe('A private channel (3.5)', () => {
  test('is open to a good signature', () => {
    const client = new EngineSession().connects();
    client.subscribes('private-orders');
    expect(client.hears()).toEqual([succeeded('private-orders')]);
  });

  test('with channel_data is open to a signature over both', () => {
    const client = new EngineSession().connects();
    client.subscribes('private-orders', { some: 'data' });
    expect(client.hears()).toEqual([succeeded('private-orders')]);
  });

  test.each<[string, (id: string) => object]>([
    ['no signature', () => ({})],
    ['an empty signature', () => ({ auth: '' })],
    ['a null signature', () => ({ auth: null })],
    ['a made-up signature', () => ({ auth: `${APP.key}:${'0'.repeat(64)}` })],
    ['another secret', (id) => channelAuth({ ...APP, secret: 'guess' }, id, 'private-orders')],
    ['another key', (id) => channelAuth({ ...APP, key: 'other' }, id, 'private-orders')],
    ['an empty key', (id) => channelAuth({ ...APP, key: '' }, id, 'private-orders')],
    ["another socket's signature", () => channelAuth(APP, '999.999', 'private-orders')],
    ["another channel's signature", (id) => channelAuth(APP, id, 'private-invoices')],
    [
      'a signature without the channel_data',
      (id) => ({ ...channelAuth(APP, id, 'private-orders'), channel_data: '{"a":1}' }),
    ],
    [
      'a signature over channel_data that is not there',
      (id) => ({ auth: channelAuth(APP, id, 'private-orders', '{"a":1}').auth }),
    ],
    ['a signin signature', (id) => ({ auth: authFor(APP, `${id}::user::private-orders`) })],
  ])('is closed to %s: 4009, and the connection stays', (_, auth) => {
    const session = new EngineSession();
    const client = session.connects();
    client.says('pusher:subscribe', { channel: 'private-orders', ...auth(client.id) });
    expect(client.hears()).toEqual([anError(4009)]);
    void session.engine.publish('private-orders', 'created', '{}');
    expect(client.hears()).toEqual([]);
    expect(client.closes).toEqual([]);
    client.subscribes('private-orders');
    expect(client.hears()).toEqual([succeeded('private-orders')]);
  });

  test('does not say what would have been the right signature, nor what was signed', () => {
    const client = new EngineSession().connects();
    client.says('pusher:subscribe', { channel: 'private-orders', auth: `${APP.key}:${'0'.repeat(64)}` });
    const inbound = JSON.stringify(client.hears());
    const right = channelAuth(APP, client.id, 'private-orders').auth;
    expect(inbound).not.toContain(right.slice(APP.key.length + 1));
    expect(inbound).not.toContain(`${client.id}:private-orders`);
    expect(inbound).not.toContain(APP.secret);
  });

  test.each(['private-cache-x', 'private-encrypted-x', 'private-encrypted-cache-x', 'presence-cache-x'])(
    'is what %s is too: closed without a signature',
    (channel) => {
      const client = new EngineSession().connects();
      client.says('pusher:subscribe', { channel, auth: '' });
      expect(client.hears()).toEqual([anError(4009)]);
    },
  );

  test.each([[7], [true], [[]], [{}]])('does not take %j for a signature', (auth) => {
    const client = new EngineSession().connects();
    client.says('pusher:subscribe', { channel: 'private-orders', auth });
    expect(client.hears()).toEqual([anError(null)]);
  });
});

describe('Publishing', () => {
  test('leaves out the connection with the given socket id, and no other', () => {
    const session = new EngineSession();
    const [sender, other] = [session.joins('orders'), session.joins('orders')];
    void session.engine.publish('orders', 'created', '{}', sender.id);
    expect(sender.hears()).toEqual([]);
    expect(other.hears()).toHaveLength(1);
  });

  test('to a channel nobody is on does nothing', () => {
    const session = new EngineSession();
    void session.engine.publish('orders', 'created', '{}');
    expect(session.engine.channels).toBe(0);
  });

  test('without data sends no data', () => {
    const session = new EngineSession();
    const client = session.joins('orders');
    void session.engine.publish('orders', 'created', undefined);
    expect(client.hearsRaw()).toEqual([{ event: 'created', channel: 'orders' }]);
  });
});

describe('A restart of the server (3.11)', () => {
  test('sends every client away with 4200, and none twice', () => {
    const session = new EngineSession();
    const clients = [session.connects(), session.joins('presence-x', { user_id: '1' }), session.signsIn('7')];
    void session.engine.close();
    expect(clients.map(({ closes }) => closes)).toEqual([[4200], [4200], [4200]]);
    void session.engine.close();
    clients[0]?.isLost();
    expect(clients.map(({ closes }) => closes)).toEqual([[4200], [4200], [4200]]);
    session.clock.advance(3_000);
    expect([session.engine.connections, session.engine.channels]).toEqual([0, 0]);
  });

  test('does not answer a client that was sent away', () => {
    const session = new EngineSession();
    const client = session.connects();
    void session.engine.close();
    client.says('pusher:ping', {});
    client.subscribes('orders');
    expect(client.hears()).toEqual([]);
    expect(session.engine.channels).toBe(0);
  });
});
