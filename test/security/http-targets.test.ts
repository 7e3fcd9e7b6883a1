import { SocketService } from 'nestjs-switchboard';
import { signedUrl } from '../adapters/ws/http-api/support.js';
import { Host } from '../support/host.js';
import { FRAMEWORKS } from '../support/hosts.js';
import { userAuth } from '../support/signing.js';
import { answered, everythingLogged, request, sendRaw } from './support.js';

// Paths, names and header values that mean one thing to a proxy, a log or a router, and another to somebody else.

const start = (options: Parameters<typeof Host.start>[0] = {}) =>
  Host.start({ httpApi: { enabled: true }, ...options });

/** A signed request whose target is sent as it is written. */
async function signed(host: Host, method: string, path: string, body = '{}') {
  const target = signedUrl(host.app, method, path, method === 'POST' ? { body } : {});
  return answered(await sendRaw(host.port, request(method, target, method === 'POST' ? body : '')));
}

/** A member's connection, to see who is disconnected and who hears what. */
async function member(host: Host, id: string) {
  const client = host.raw();
  const socketId = await client.greeted();
  client.say('pusher:signin', userAuth(host.app, socketId, { id }));
  expect(await client.next()).toMatchObject({ event: 'pusher:signin_success' });
  return client;
}

describe('An id with a path in it', () => {
  test('ends nobody’s connections, whether it is sent plainly or encoded', async () => {
    const host = await start();
    const ada = await member(host, 'ada');
    const ids = [
      '.',
      '..',
      '%2E%2E',
      '%2e',
      'x/../ada',
      'x%2F..%2Fada',
      '..%2Fusers%2Fada',
      'ada%00',
      'ada%2F',
      'ada%20',
    ];
    for (const id of [...ids, 'ada%0A', '%61da%3F', '..;', '', '%25%36%31da']) {
      const { status } = await signed(host, 'POST', `/apps/${host.app.id}/users/${id}/terminate_connections`);
      // "x/../ada" is another path. All but the empty one of the others are ids of somebody who is not there.
      const expected = id === '' ? 400 : id.includes('/') ? 404 : 200;
      expect([id, status]).toEqual([id, expected]);
    }
    await ada.isAnswered();
    expect(
      (await signed(host, 'POST', `/apps/${host.app.id}/users/%61da/terminate_connections`)).status,
    ).toBe(200);
    expect(await ada.closed).toMatchObject({ code: 4009 });
  });

  test('is signed in as itself and as nobody else', async () => {
    const host = await start({ identify: ({ headers }) => ({ id: String(headers['x-member']) }) });
    const service = host.nest.get(SocketService);
    const ada = await member(host, 'ada');
    for (const id of ['..', '.', 'a/../ada', '../ada', 'ada\\', '%2e%2e', '%61da', '#server-to-user-ada']) {
      const client = host.raw();
      const body = new URLSearchParams({ socket_id: await client.greeted() });
      const answer = await fetch(`${host.url}/socket/user-auth`, {
        method: 'POST',
        headers: { 'x-member': id },
        body,
      });
      client.say('pusher:signin', await answer.json());
      expect(await client.next()).toMatchObject({ event: 'pusher:signin_success' });
      expect([...((await service.onlineMembers([id])) ?? [])]).toEqual([id]);
      await service.disconnectMember(id);
      expect(await client.closed).toMatchObject({ code: 4009 });
    }
    await ada.isAnswered();
  });
});

describe('A target that is written another way', () => {
  test('reaches no more of the HTTP API than its one path, and never without a signature', async () => {
    const host = await start();
    const { id } = host.app;
    const listener = host.raw();
    await listener.greeted();
    listener.say('pusher:subscribe', { channel: 'orders' });
    await listener.next();
    const body = JSON.stringify({ name: 'FORGED', channel: 'orders', data: '{}' });
    const paths = [
      `http://127.0.0.1/apps/${id}/events`,
      `http://app.example:80/apps/${id}/events`,
      `//apps/${id}/events`,
      `/apps//${id}/events`,
      `/apps/${id}//events`,
      `/apps/${id}/events/`,
      `/./apps/${id}/events`,
      `/socket/../apps/${id}/events`,
      `/socket/..%2fapps/${id}/events`,
      `/%61pps/${id}/events`,
      `/apps%2F${id}%2Fevents`,
      `/apps/${id}%2Fevents`,
      `/apps/${id}/..%2F${id}/events`,
      `/apps/${id}/events%00`,
      `/APPS/${id}/events`,
      `\\apps\\${id}\\events`,
      `/apps/${id}/events#`,
    ];
    for (const path of paths) {
      const { status } = await signed(host, 'POST', path, body);
      expect([path, status >= 400 && status < 500]).toEqual([path, true]);
    }
    for (const path of [
      `/apps/${id}/events`,
      `/apps/${id}/events?auth_signature=`,
      `/apps/%73witchboard/events`,
    ]) {
      const { status } = answered(await sendRaw(host.port, request('POST', path, body)));
      expect([path, status === 401 || status === 404]).toEqual([path, true]);
    }
    await listener.isAnswered();
  });

  test('smuggles no second request past the first: one that is framed two ways is refused', async () => {
    const host = await start();
    const listener = host.raw();
    await listener.greeted();
    listener.say('pusher:subscribe', { channel: 'orders' });
    await listener.next();
    const target = signedUrl(host.app, 'POST', `/apps/${host.app.id}/events`, { body: '{}' });
    const inner = request('GET', '/socket/config');
    const heads = [
      'Content-Length: 2\r\nTransfer-Encoding: chunked',
      'Content-Length: 2\r\nContent-Length: 7',
      'Content-Length: 2, 7',
      'Transfer-Encoding: xchunked',
      'Transfer-Encoding : chunked',
      'Content-Length: +2',
    ];
    for (const head of heads) {
      const answer = await sendRaw(
        host.port,
        `POST ${target} HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n0\r\n\r\n${inner}`,
      );
      expect([head, answer.match(/HTTP\/1\.1 \d+/g)]).toEqual([head, ['HTTP/1.1 400']]);
    }
    await listener.isAnswered();
  });

  test.each(Object.keys(FRAMEWORKS) as (keyof typeof FRAMEWORKS)[])(
    'leads no browser to another site’s auth endpoint, over %s (bug: the host of an absolute target was repeated)',
    async (framework) => {
      const host = await start({ httpAdapter: FRAMEWORKS[framework] });
      for (const target of [
        'http://evil.example/socket/config',
        'HTTP://evil.example:99/socket/config?x=/config',
      ]) {
        const { status, body } = answered(await sendRaw(host.port, request('GET', target)));
        expect(status).toBe(200);
        const json = body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1);
        expect(JSON.parse(json)).toMatchObject({
          options: {
            channelAuthorization: { endpoint: '/socket/auth' },
            userAuthentication: { endpoint: '/socket/user-auth' },
          },
        });
      }
      const { status } = answered(await sendRaw(host.port, request('GET', '//evil.example/socket/config')));
      expect(status).toBe(404);
    },
  );
});

describe('A line break', () => {
  test('in a name or an id ends no line of a header, of an error or of the log', async () => {
    const host = await start({
      identify: ({ headers }) => ({ id: String(headers['x-member']) }),
    });
    const logged = everythingLogged();
    const FORGED = '\r\nX-Forged: 1\r\n\r\n[Nest] ERROR forged';
    const encoded = encodeURIComponent(FORGED);
    const { id } = host.app;
    const answers = [
      await signed(
        host,
        'POST',
        `/apps/${id}/events`,
        JSON.stringify({ name: `pusher:${FORGED}`, channel: 'a', data: '' }),
      ),
      await signed(
        host,
        'POST',
        `/apps/${id}/events`,
        JSON.stringify({ name: 'a', channel: FORGED, data: '' }),
      ),
      await signed(
        host,
        'POST',
        `/apps/${id}/events`,
        JSON.stringify({ name: 'a', channel: 'a', data: '', socket_id: FORGED, info: FORGED }),
      ),
      await signed(host, 'POST', `/apps/${id}/users/=${encoded}/terminate_connections`),
      await signed(host, 'GET', `/apps/${id}/channels/${encoded}`),
      await signed(host, 'GET', `/apps/${id}/${encoded}`),
      answered(
        await sendRaw(host.port, request('GET', `/apps/${encoded}/channels?auth_signature=${encoded}`)),
      ),
      answered(await sendRaw(host.port, request('GET', `/apps/${id}/channels?${encoded}&auth_signature=1`))),
    ];
    for (const { status, head } of answers) {
      expect(Math.floor(status / 100)).toBe(4);
      expect(head).not.toMatch(/^X-Forged/im);
    }
    for (const fields of [
      { socket_id: '1.1', channel_name: `private-${FORGED}` },
      { socket_id: `1.1${FORGED}`, channel_name: 'private-a' },
    ]) {
      const answer = await fetch(`${host.url}/socket/auth`, {
        method: 'POST',
        headers: { 'x-member': 'ada' },
        body: new URLSearchParams(fields),
      });
      expect(answer.status).toBe(400);
    }
    const client = host.raw();
    await client.greeted();
    for (const event of [`pusher:${FORGED}`, `client-${FORGED}`, FORGED]) {
      client.say(event, { channel: `private-${FORGED}` }, FORGED);
      expect(await client.next()).toMatchObject({ event: 'pusher:error' });
    }
    client.say('pusher:subscribe', { channel: FORGED });
    expect(await client.next()).toMatchObject({ event: 'pusher:error' });
    expect(logged.lines.filter((line) => line.includes('forged') || line.includes('\n'))).toEqual([]);
  });
});
