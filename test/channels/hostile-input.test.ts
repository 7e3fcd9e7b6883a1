import { anError, APP, EngineSession } from '../support/engine-session.js';
import { titled } from '../support/titled.js';

/** Messages that no well-meaning client sends. */
const BROKEN = [
  '',
  ' ',
  '\0',
  'Hi',
  '{',
  '}',
  '[]',
  'null',
  'true',
  '7',
  '"pusher:ping"',
  '{}',
  '{"event":null}',
  '{"event":7}',
  '{"event":[]}',
  '{"event":{"toString":"x"}}',
  '{"event":""}',
  '{"event":"pusher:subscribe"}',
  '{"event":"pusher:subscribe","data":null}',
  '{"event":"pusher:subscribe","data":7}',
  '{"event":"pusher:subscribe","data":[]}',
  '{"event":"pusher:subscribe","data":"Hello"}',
  '{"event":"pusher:subscribe","data":{"channel":7}}',
  '{"event":"pusher:subscribe","data":{"channel":null}}',
  '{"event":"pusher:subscribe","data":{"channel":{"length":1}}}',
  '{"event":"pusher:subscribe","data":{"channel":"__proto__/"}}',
  '{"event":"pusher:subscribe","data":{"__proto__":{"channel":"orders"}}}',
  '{"event":"pusher:unsubscribe"}',
  '{"event":"pusher:unsubscribe","data":{"channel":["orders"]}}',
  '{"event":"pusher:signin"}',
  '{"event":"pusher:signin","data":{"auth":{},"user_data":{}}}',
  '{"event":"pusher:unknown","data":{}}',
  '{"event":"pusher:connection_established","data":{"socket_id":"1.1"}}',
  '{"event":"pusher:error","data":{"code":4001}}',
  '{"event":"pusher_internal:member_added","channel":"orders","data":"{}"}',
  '{"event":"pusher_internal:subscription_succeeded","channel":"orders","data":"{}"}',
  '{"event":"__proto__"}',
  '{"event":"constructor"}',
  '{"event":"toString","channel":"toString"}',
  '{"event":"created","channel":"orders","data":"{}"}',
  '{"event":"client-x"}',
  '{"event":"client-x","channel":7}',
  '{"event":"client-x","channel":"__proto__"}',
  '{"event":"client-x","channel":"orders"}',
  '{"event":"client-x","channel":"private-orders"}',
  `{"event":"${'x'.repeat(60_000)}"}`,
  `{"event":"pusher:${'x'.repeat(60_000)}"}`,
  `{"event":"pusher:subscribe","data":{"channel":"${'x'.repeat(60_000)}"}}`,
  `{"event":"pusher:subscribe","data":{"channel":"#server-to-user-${'x'.repeat(60_000)}"}}`,
  `{"event":"pusher:subscribe","data":{"channel":"private-x","auth":"${'x'.repeat(60_000)}"}}`,
  `{"event":"client-x","channel":"${'x'.repeat(60_000)}"}`,
  '['.repeat(60_000),
  '{"a":'.repeat(12_000),
  `{"event":"pusher:subscribe","data":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
  `{"event":"pusher:subscribe","data":{"channel":${'['.repeat(30_000)}${']'.repeat(30_000)}}}`,
];

describe('Hostile input (3, 3.2)', () => {
  test.each(titled(BROKEN))('%s is answered with one pusher:error and nothing else', (_, text) => {
    const session = new EngineSession();
    const bystander = session.joins('orders');
    const client = session.connects();
    expect(() => {
      client.sends(text);
    }).not.toThrow();
    expect(client.hears()).toEqual([{ event: 'pusher:error', data: expect.anything() as unknown }]);
    expect(client.closes).toEqual([]);
    expect(bystander.hears()).toEqual([]);
    expect(session.errors).toEqual([]);
    expect([session.engine.connections, session.engine.channels]).toEqual([2, 1]);
  });

  test('does not change what the same connection can do afterwards', () => {
    const session = new EngineSession();
    const client = session.connects();
    for (const text of BROKEN) client.sends(text);
    client.hears();
    client.subscribes('private-orders');
    client.signsIn({ id: 'ann' });
    expect(client.hears()).toMatchObject([
      { event: 'pusher_internal:subscription_succeeded' },
      { event: 'pusher:signin_success' },
    ]);
  });

  test('is never repeated at length: an answer is short, whatever was sent', () => {
    const client = new EngineSession().connects();
    for (const text of BROKEN) client.sends(text);
    for (const frame of client.hearsRaw()) expect(JSON.stringify(frame).length).toBeLessThan(1_000);
  });

  test('does not reach a prototype', () => {
    const session = new EngineSession();
    const client = session.connects();
    client.sends('{"__proto__":{"polluted":1},"event":"pusher:ping","data":{"__proto__":{"polluted":1}}}');
    client.subscribes('presence-x', '{"user_id":"__proto__","user_info":{"__proto__":{"polluted":1}}}');
    client.signsIn('{"id":"__proto__","user_info":{"__proto__":{"polluted":1}}}');
    expect(Reflect.has({}, 'polluted')).toBe(false);
    expect(session.errors).toEqual([]);
  });

  test('may subscribe to a channel that is called like a property every object has', () => {
    const session = new EngineSession();
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const client = session.joins(name);
      void session.engine.publish(name, 'created', '{}');
      expect(client.hears()).toEqual([{ event: 'created', channel: name, data: {} }]);
      client.unsubscribes(name);
    }
    expect(session.engine.channels).toBe(0);
  });

  test('with the same key twice counts once', () => {
    const session = new EngineSession();
    const client = session.connects();
    client.sends('{"event":"pusher:subscribe","data":{"channel":"a","channel":"b"}}');
    client.sends('{"event":"client-x","event":"pusher:ping"}');
    expect(client.hears()).toMatchObject([{ channel: 'b' }, { event: 'pusher:pong' }]);
    expect(session.engine.channels).toBe(1);
  });

  test('as client data too deep to be passed on is refused, and no error of the server’s own', () => {
    const session = new EngineSession();
    const [client, bystander] = [session.joins('private-x'), session.joins('private-x')];
    const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
    client.sends(`{"event":"client-x","channel":"private-x","data":${deep}}`);
    expect(client.hears()).toEqual([anError(null)]);
    expect(bystander.hears()).toEqual([]);
    expect(session.errors).toEqual([]);
  });

  test('as client data that nests 500 levels deep is passed on whole', () => {
    const session = new EngineSession();
    const [client, bystander] = [session.joins('private-x'), session.joins('private-x')];
    const deep = `${'['.repeat(500)}${']'.repeat(500)}`;
    client.sends(`{"event":"client-x","channel":"private-x","data":${deep}}`);
    expect(client.hears()).toEqual([]);
    expect(bystander.hearsRaw()).toEqual([{ event: 'client-x', channel: 'private-x', data: deep }]);
  });

  test.each([
    'client-\u0000',
    'client-💬',
    'client-\ud800',
    'client-"}',
    'client-\u2028',
    'client-__proto__',
  ])('as the odd event name %j reaches the others as it is', (name) => {
    const session = new EngineSession();
    const [client, other] = [session.joins('private-x'), session.joins('private-x')];
    client.triggers('private-x', name, { '"': '💬' });
    expect(other.hears()).toEqual([{ event: name, channel: 'private-x', data: { '"': '💬' } }]);
  });

  test('never says the secret or a signature', () => {
    const client = new EngineSession().connects();
    for (const channel of ['private-x', 'presence-x', '#server-to-user-7']) {
      client.says('pusher:subscribe', { channel, auth: `${APP.key}:guess`, channel_data: '{}' });
    }
    client.says('pusher:signin', { auth: `${APP.key}:guess`, user_data: '{"id":"ann"}' });
    const inbound = JSON.stringify(client.hears());
    expect(inbound).not.toContain(APP.secret);
    expect(inbound).not.toMatch(/[0-9a-f]{64}/);
  });

  test('of one client leaves the rate, the signin and the subscriptions of another alone', async () => {
    const session = new EngineSession();
    const victim = session.signsIn('ann');
    victim.subscribes('private-x');
    victim.hears();
    const attacker = session.joins('private-x');
    for (const text of BROKEN) attacker.sends(text);
    attacker.unsubscribes('private-x');
    attacker.says('pusher:unsubscribe', { channel: '#server-to-user-ann' });
    attacker.isLost();
    expect(victim.hears()).toEqual([]);
    void session.engine.publish('#server-to-user-ann', 'created', '{}');
    void session.engine.publish('private-x', 'created', '{}');
    expect(victim.hears()).toHaveLength(2);
    expect(await session.isOnline('ann')).toBe(true);
  });
});
