import { jest } from '@jest/globals';
import { AuthorizeChannel, type ChannelAuthorizer, LIMITS } from 'nestjs-switchboard';
import { signedUrl } from '../adapters/ws/http-api/support.js';
import { Host } from '../support/host.js';
import { FRAMEWORKS, logged } from '../support/hosts.js';
import { channelAuth, userAuth } from '../support/signing.js';

jest.setTimeout(20_000);

// JSON that is read into objects, and text that becomes the name of something, at every door of a running gateway.

@AuthorizeChannel('presence-{room}')
class RoomChannel implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}

const start = (
  limits: object = {},
  framework: keyof typeof FRAMEWORKS = 'express',
  maxEventBytes: number = LIMITS.payloadBytes,
) =>
  Host.start({
    maxEventBytes,
    httpApi: { enabled: true },
    gateway: { clientEvents: true, subscriptionCount: true, presenceGraceMs: 0, limits },
    providers: [RoomChannel],
    httpAdapter: FRAMEWORKS[framework],
  });

async function post(host: Host, resource: string, body: string) {
  const path = `/apps/${host.app.id}${resource}`;
  const answer = await fetch(host.url + signedUrl(host.app, 'POST', path, { body }), {
    method: 'POST',
    body,
  });
  return { status: answer.status, text: await answer.text() };
}

const askAuth = (host: Host, path: string, type: string, body: string) =>
  fetch(`${host.url}/socket/${path}`, {
    method: 'POST',
    headers: { 'x-member': 'ada', 'Content-Type': type },
    body,
  });

const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '__defineGetter__',
];
/** Names that no fresh object has unless somebody has put them on the prototype of all. */
const isClean = () => {
  for (const target of [{}, [], () => undefined, '', 0] as object[]) {
    expect(Reflect.get(Object(target) as object, 'polluted')).toBeUndefined();
  }
  expect(Object.keys(Object.prototype)).toEqual([]);
};
const POISON = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';

describe('A name that every object has', () => {
  test('is a channel, a member, an event and a key like any other, at every door', async () => {
    const host = await start();
    const errors = logged('error');
    for (const name of NAMES) {
      const client = host.raw();
      const id = await client.greeted();
      const own = `private-${name}`;
      const userData = `{"id":"${name}","user_info":${POISON},"watchlist":["__proto__"],${POISON.slice(1)}`;
      client.say('pusher:signin', userAuth(host.app, id, userData));
      expect(await client.next()).toMatchObject({ event: 'pusher:signin_success' });
      expect(await client.next()).toMatchObject({ event: 'pusher_internal:watchlist_events' });
      // As the id of somebody present, with an info that has such keys.
      const data = `{"user_id":"${name}","user_info":${POISON}}`;
      client.say('pusher:subscribe', {
        channel: 'presence-x',
        ...channelAuth(host.app, id, 'presence-x', data),
      });
      const { data: roster } = await client.next();
      const { presence } = JSON.parse(String(roster)) as {
        presence: { ids: string[]; hash: Record<string, unknown>; count: number };
      };
      expect([presence.ids, presence.count, Object.keys(presence.hash)]).toEqual([[name], 1, [name]]);
      expect(JSON.stringify(presence.hash)).toContain('"constructor":{"prototype":{"polluted":1}}');
      // As a channel, in what the server tells it, and in the lists and counts of the HTTP API.
      client.say('pusher:subscribe', { channel: name });
      expect(await client.next()).toMatchObject({
        channel: name,
        event: 'pusher_internal:subscription_succeeded',
      });
      expect(await client.next()).toMatchObject({ event: 'pusher_internal:subscription_count' });
      await host.runtime.client.relayToChannel(name, name, JSON.parse(POISON));
      expect(await client.next()).toEqual({ channel: name, event: name, data: POISON });
      await host.runtime.client.relayToMember(name, name, JSON.parse(POISON));
      expect(await client.next()).toMatchObject({
        event: name,
        channel: `#server-to-user-${name}`,
        data: POISON,
      });
      const event = `{"name":"${name}","channels":["${name}"],"data":"{}","info":"subscription_count",${POISON.slice(1)}`;
      const answer = await post(host, '/events', event);
      expect(answer).toEqual({ status: 200, text: `{"channels":{"${name}":{"subscription_count":1}}}` });
      expect(await client.next()).toMatchObject({ event: name, channel: name });
      // As a client event, and as keys of its frame.
      client.say('pusher:subscribe', { channel: own, ...channelAuth(host.app, id, own) });
      expect(await client.next()).toMatchObject({ channel: own });
      expect(await client.next()).toMatchObject({ event: 'pusher_internal:subscription_count' });
      client.socket.send(`{"event":"client-${name}","channel":"${own}","data":${POISON},${POISON.slice(1)}`);
      client.socket.send(`{"event":"pusher:subscribe","data":{"__proto__":{"channel":"stolen","auth":""}}}`);
      expect(await client.next()).toMatchObject({ event: 'pusher:error' });
      const health = await host.runtime.client.onlineMembers([name]);
      expect([...health]).toEqual([name]);
      client.socket.close();
      await client.closed;
      while (await host.engines.isOccupied(name));
    }
    isClean();
    expect(errors.lines).toEqual([]);
  });

  test.each(Object.keys(FRAMEWORKS) as (keyof typeof FRAMEWORKS)[])(
    'is no field of a form or of JSON that the auth endpoints are sent, over %s',
    async (framework) => {
      const host = await start({}, framework);
      const forms = [
        '__proto__[socket_id]=1.1&__proto__[channel_name]=presence-x',
        'constructor[prototype][polluted]=1&__proto__[polluted]=1&__proto__.polluted=1',
        'socket_id[__proto__]=1.1&channel_name[constructor]=presence-x',
      ];
      const json = [
        '{"__proto__":{"socket_id":"1.1","channel_name":"presence-x"}}',
        `{"constructor":{"prototype":{"polluted":1,"socket_id":"1.1"}}}`,
      ];
      for (const path of ['auth', 'user-auth']) {
        for (const body of forms)
          expect((await askAuth(host, path, 'application/x-www-form-urlencoded', body)).status).toBe(400);
        for (const body of json)
          expect((await askAuth(host, path, 'application/json', body)).status).toBe(400);
      }
      isClean();
    },
  );
});

const LEVELS = 100_000;
const lists = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const objects = (levels: number) => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);

describe('JSON of 100,000 levels', () => {
  test('in a frame ends a connection at most, also where SOCKET_MAX_FRAME_BYTES is off', async () => {
    const host = await start({ frameBytes: 0 }, 'express', 0);
    const errors = logged('error');
    const [client, bystander] = [host.raw(), host.raw()];
    const [id] = await Promise.all([client.greeted(), bystander.greeted()]);
    const channel = 'private-x';
    client.say('pusher:subscribe', { channel, ...channelAuth(host.app, id, channel) });
    for (let told = 0; told < 2; told++) expect(await client.next()).toMatchObject({ channel });
    for (const deep of [lists(LEVELS), objects(LEVELS)]) {
      const frames = [
        deep,
        `{"event":${deep}}`,
        `{"event":"pusher:subscribe","data":${deep}}`,
        `{"event":"pusher:subscribe","data":{"channel":${deep}}}`,
        `{"event":"client-x","channel":"${channel}","data":${deep}}`,
        JSON.stringify({ event: 'pusher:signin', data: userAuth(host.app, id, `{"id":${deep}}`) }),
        JSON.stringify({
          event: 'pusher:subscribe',
          data: { channel: 'presence-x', ...channelAuth(host.app, id, 'presence-x', `{"user_id":${deep}}`) },
        }),
      ];
      for (const frame of frames) {
        client.socket.send(frame);
        expect(await client.next()).toMatchObject({ event: 'pusher:error' });
      }
      await bystander.isAnswered();
    }
    expect(errors.lines).toEqual([]);
  });

  test.each(Object.keys(FRAMEWORKS) as (keyof typeof FRAMEWORKS)[])(
    'in a request is refused with 4xx, over %s',
    async (framework) => {
      const host = await start({}, framework);
      const errors = logged('error');
      for (const levels of [7_000, LEVELS]) {
        for (const deep of [lists(levels), objects(levels)]) {
          for (const body of [
            deep,
            `{"name":${deep}}`,
            `{"name":"a","channels":${deep},"data":"{}"}`,
            `{"batch":${deep}}`,
          ]) {
            for (const resource of ['/events', '/batch_events']) {
              const { status, text } = await post(host, resource, body);
              expect([400, 413]).toContain(status);
              expect(text.length).toBeLessThan(500);
            }
          }
          for (const body of [deep, `{"socket_id":${deep},"channel_name":${deep}}`])
            expect([400, 413]).toContain((await askAuth(host, 'auth', 'application/json', body)).status);
        }
      }
      expect(errors.lines).toEqual([]);
    },
  );
});
