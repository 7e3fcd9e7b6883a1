import type { Identity } from 'nestjs-switchboard';
import { Host } from '../support/host.js';
import { FRAMEWORKS } from '../support/hosts.js';
import { RawClient } from '../support/raw-client.js';
import { answered, request, sendRaw } from './support.js';

// Another site, in the browser of a member who has a cookie of the application: what it can have that browser send.

const EVIL = 'https://evil.example';
const COOKIE = 'session=ada';

let asked: string[] = [];
beforeEach(() => {
  asked = [];
});

/** As an application does that knows its callers by a cookie. */
function identify({ headers }: { headers: { cookie?: string; origin?: string } }): Identity | null {
  asked.push(headers.origin ?? 'no origin');
  return headers.cookie === COOKIE ? { id: 'ada' } : null;
}

const AUTH = 'socket_id=1.1&channel_name=private-everybody';

describe('Another site’s WebSocket, with the member’s cookie', () => {
  const options = { identify, broadcastChannel: 'private-everybody' };
  const open = (host: Host) =>
    RawClient.open(`ws://127.0.0.1:${host.port}/app/${host.app.key}?protocol=7`, {
      headers: { Origin: EVIL, Cookie: COOKIE },
    });

  test('is nobody’s: the gateway never asks who it is, and it hears nothing of the member’s', async () => {
    const host = await Host.start(options);
    const client = open(host);
    await client.greeted();
    for (const channel of ['#server-to-user-ada', 'private-everybody']) {
      client.say('pusher:subscribe', { channel, auth: '' });
      expect(await client.next()).toMatchObject({ event: 'pusher:error', data: { code: 4009 } });
    }
    await host.runtime.client.relayToMember('ada', 'SECRET_TOLD', {});
    await host.runtime.client.broadcast('SECRET_TOLD', {});
    await client.isAnswered();
    expect(asked).toEqual([]);
    expect(await host.runtime.client.onlineMembers(['ada'])).toEqual(new Set());
  });

  test('is refused with 403 where its origin is not one of SOCKET_ALLOWED_ORIGINS, however it is written', async () => {
    const host = await Host.start({ ...options, gateway: { allowedOrigins: ['https://app.example'] } });
    expect(await open(host).refusal()).toBe(403);
    const origins = [
      'https://app.example, https://evil.example',
      'https://app.example\r\nOrigin: https://evil.example',
      'https://evil.example\r\nOrigin: https://app.example',
      'https://app.example/',
      'https://app.example@evil.example',
      'https://app.example.',
      '',
    ];
    for (const origin of origins) {
      const answer = await sendRaw(
        host.port,
        request('GET', `/app/${host.app.key}?protocol=7`, '', {
          Connection: 'Upgrade',
          Upgrade: 'websocket',
          'Sec-WebSocket-Version': '13',
          'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
          Origin: origin,
        }),
      );
      expect([origin, answered(answer).status]).toEqual([origin, 403]);
    }
  });
});

describe.each(Object.keys(FRAMEWORKS) as (keyof typeof FRAMEWORKS)[])(
  'Another site’s form, with the member’s cookie, over %s',
  (framework) => {
    const start = () =>
      Host.start({
        identify,
        broadcastChannel: 'private-everybody',
        httpAdapter: FRAMEWORKS[framework],
      });
    const post = (host: Host, path: string, type: string, body: string) =>
      fetch(host.url + path, {
        method: 'POST',
        headers: { Origin: EVIL, Cookie: COOKIE, 'Content-Type': type },
        body,
      });

    test('is answered as the member’s own, in a way that no other site can read, and changes nothing', async () => {
      const host = await start();
      for (const path of ['/socket/auth', '/socket/user-auth']) {
        const answer = await post(host, path, 'application/x-www-form-urlencoded', AUTH);
        expect(answer.status).toBe(200);
        // No permission to read it, and nothing that a script element or a style sheet would take it for.
        expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
        expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
        expect(await answer.text()).toMatch(/^\{"auth":/);
      }
      expect(await host.runtime.client.onlineMembers(['ada'])).toEqual(new Set());
      expect(host.engines.connections + host.engines.channels).toBe(0);
    });

    test('of another content type, or as a script, is refused: there is no GET and no JSONP', async () => {
      const host = await start();
      const multipart =
        '--b\r\nContent-Disposition: form-data; name="socket_id"\r\n\r\n1.1\r\n' +
        '--b\r\nContent-Disposition: form-data; name="channel_name"\r\n\r\nprivate-everybody\r\n--b--\r\n';
      for (const path of ['/socket/auth', '/socket/user-auth']) {
        for (const [type, body] of [
          ['text/plain', AUTH],
          ['text/plain', '{"socket_id":"1.1","channel_name":"private-everybody"}'],
          ['multipart/form-data; boundary=b', multipart],
        ] as const) {
          const answer = await post(host, path, type, body);
          expect([400, 415]).toContain(answer.status);
          expect(await answer.text()).not.toMatch(/[0-9a-f]{64}/);
        }
        const script = await fetch(`${host.url}${path}?callback=steal&${AUTH}`, {
          headers: { Cookie: COOKIE },
        });
        expect(script.status).toBe(404);
        const preflight = await fetch(host.url + path, {
          method: 'OPTIONS',
          headers: { Origin: EVIL, 'Access-Control-Request-Method': 'POST' },
        });
        expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
      }
    });
  },
);
