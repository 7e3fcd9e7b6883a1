import { UnauthorizedException } from '@nestjs/common';
import type { HttpRequest, Identity } from 'nestjs-switchboard';
import { connected, TRANSPORTS } from '../../support/socket-io-browser.js';
import { RawSocketIo } from './raw-socket-io.js';
import { newPage, pageOf, protocolEvent, refusalOf, startHost } from './support.js';

const byToken = ({ headers }: HttpRequest): Identity | null => {
  const [, id] = /^Bearer (\w+)$/.exec(headers.authorization ?? '') ?? [];
  return id === undefined ? null : { id };
};

describe.each(Object.entries(TRANSPORTS))('on %s', (_, transports) => {
  const options = { transports: [...transports] };

  test('a token in the handshake’s auth identifies the member', async () => {
    const host = await startHost({ identify: byToken });
    const page = newPage(host.url, { ...options, auth: { token: 'ada' } });
    await connected(page);
    await host.client.relayToMember('ada', 'HELLO', 1);
    expect(await page.next()).toEqual({ event: 'HELLO', payload: 1 });
  });

  test('a cookie identifies the member', async () => {
    const host = await startHost({
      identify: ({ headers }) => (headers.cookie === 'session=ada' ? { id: 'ada' } : null),
    });
    const page = newPage(host.url, { ...options, extraHeaders: { Cookie: 'session=ada' } });
    await connected(page);
    expect(await host.client.onlineMembers(['ada'])).toEqual(new Set(['ada']));
  });

  test('a caller whom identify does not know is told, and may try again with another token', async () => {
    const host = await startHost({ identify: byToken });
    const page = newPage(host.url, { ...options, auth: {} });
    expect(await refusalOf(page)).toMatchObject({
      message: 'The caller is not known: identify(request) returned null',
      data: { code: 'NOT_IDENTIFIED', status: 403 },
    });
    expect(page.socket.active).toBe(false);
    page.socket.auth = { token: 'ada' };
    await connected(page);
    expect(await host.client.onlineMembers(['ada'])).toEqual(new Set(['ada']));
  });

  test('a guest hears broadcasts and public channels, and is refused elsewhere', async () => {
    const host = await startHost();
    const page = newPage(host.url, { ...options, auth: { guest: true } });
    await connected(page);
    expect(await page.ask('subscribe', 'news')).toEqual({ ok: true });
    await host.client.broadcast('OPEN', { at: 9 });
    await host.client.relayToChannel('news', 'PRINTED');
    expect(await page.nextWhole()).toEqual({ event: 'OPEN', payload: { at: 9 }, channel: 'broadcast' });
    expect(await page.nextWhole()).toEqual({ event: 'PRINTED', payload: null, channel: 'news' });
    expect(await page.ask('subscribe', 'presence-room')).toEqual({
      ok: false,
      code: 'NOT_IDENTIFIED',
      message: 'Channel "presence-room" is for members, and this is a guest',
    });
  });

  test('a guest signs in on the same connection', async () => {
    const host = await startHost();
    const page = newPage(host.url, { ...options, auth: { guest: true } });
    await connected(page);
    const { socketId } = page;
    expect(await page.ask('signin', { headers: { 'x-member': 'ada' } })).toEqual({ ok: true });
    expect(await page.ask('subscribe', 'private-orders.ada-7')).toEqual({ ok: true });
    await host.client.relayToMember('ada', 'HELLO');
    expect(await page.next()).toEqual({ event: 'HELLO', payload: undefined });
    expect(page.socketId).toBe(socketId);
  });

  test('a member stays who it is: another signin on the connection is refused', async () => {
    const host = await startHost();
    const page = await pageOf(host.url, 'ada', options);
    expect(await page.ask('signin', { headers: { 'x-member': 'alan' } })).toMatchObject({
      ok: false,
      code: 4009,
    });
    expect(await page.ask('signin', {})).toMatchObject({ ok: false, code: 'NOT_IDENTIFIED' });
    expect(await page.ask('subscribe', 'private-orders.ada-1')).toEqual({ ok: true });
    expect(await page.ask('subscribe', 'private-orders.alan-1')).toMatchObject({ code: 'CHANNEL_REFUSED' });
  });

  test('a client that comes back is identified again, by the token that is valid then', async () => {
    const seen: (string | undefined)[] = [];
    const host = await startHost({
      identify: (request) => {
        seen.push(request.headers.authorization);
        return byToken(request);
      },
    });
    const tokens = ['ada', 'renewed'];
    const page = newPage(host.url, {
      ...options,
      reconnectionDelay: 1,
      auth: (give) => {
        give({ token: tokens.shift() });
      },
    });
    await connected(page);
    await protocolEvent(page, 'signin_success');
    page.socket.io.engine.close();
    await protocolEvent(page, 'signin_success');
    expect(seen).toEqual(['Bearer ada', 'Bearer renewed']);
    expect(await host.client.onlineMembers(['renewed'])).toEqual(new Set(['renewed']));
  });
});

test('when the client is told that it is connected, it is signed in and hears broadcasts', async () => {
  const host = await startHost();
  const page = newPage(host.url, { auth: { headers: { 'x-member': 'ada' } } });
  const order: string[] = [];
  page.socket.onAny((event: string) => order.push(event));
  page.socket.on('connect', () => order.push('connect'));
  await connected(page);
  expect(order).toEqual([
    'connect',
    'pusher:connection_established',
    'pusher:signin_success',
    'pusher:subscription_succeeded',
  ]);
  expect(await host.client.onlineMembers(['ada'])).toEqual(new Set(['ada']));
});

test('an application that identifies nobody has guests, who need not say so', async () => {
  const host = await startHost({ ...({ identify: undefined } as object) });
  const page = newPage(host.url);
  await connected(page);
  await host.client.broadcast('HELLO');
  expect((await page.next()).event).toBe('HELLO');
});

test('an HTTP exception of identify is the error that the client gets, with its status', async () => {
  const host = await startHost({
    identify: () => {
      throw new UnauthorizedException('Your session has ended');
    },
  });
  expect(await refusalOf(newPage(host.url))).toMatchObject({
    message: 'Your session has ended',
    data: { code: 'NOT_IDENTIFIED', status: 401 },
  });
});

test('any other error of identify stays on the server', async () => {
  const host = await startHost({
    identify: () => {
      throw new Error('password of the database: 1234');
    },
  });
  expect(await refusalOf(newPage(host.url))).toMatchObject({
    message: 'The caller could not be identified',
    data: { code: null, status: 500 },
  });
});

test('an invalid member of identify is refused, as at the auth endpoint', async () => {
  const host = await startHost({ identify: () => ({ id: '' }) });
  expect(await refusalOf(newPage(host.url))).toMatchObject({ data: { code: 'INVALID_MEMBER' } });
});

test('identify sees the auth as the client has sent it, apart from the request', async () => {
  const host = await startHost({
    identify: ({ handshakeAuth }) =>
      typeof handshakeAuth?.['userName'] === 'string' ? { id: handshakeAuth['userName'] } : null,
  });
  await connected(newPage(host.url, { auth: { userName: 'ada' } }));
  expect(await host.client.onlineMembers(['ada'])).toEqual(new Set(['ada']));
});

test('the auth cannot set headers that a proxy would set, or that no setting allows', async () => {
  const seen: HttpRequest['headers'][] = [];
  const host = await startHost({
    socketIo: { handshakeHeaders: ['x-tenant'] },
    identify: ({ headers }) => {
      seen.push(headers);
      return { id: 'ada' };
    },
  });
  const headers = {
    'X-Tenant': 'acme',
    'X-Forwarded-User': 'root',
    'X-Forwarded-For': '10.0.0.1',
    Cookie: 'session=root',
    Authorization: 'Bearer root',
    'X-Broken\r\n': 'root',
  };
  await connected(newPage(host.url, { auth: { token: 'ada\r\nX-Admin: 1', headers } }));
  expect(seen).toHaveLength(1);
  expect(seen[0]).toMatchObject({ 'x-tenant': 'acme' });
  expect(JSON.stringify(seen[0])).not.toMatch(/root|10\.0\.0\.1|Admin/);
  expect(seen[0]?.cookie).toBeUndefined();
});

test('a page of another site cannot use the cookies of its visitors', async () => {
  const identify = ({ headers }: HttpRequest) =>
    headers.cookie === undefined && headers.authorization === undefined ? null : { id: 'ada' };
  const host = await startHost({ identify });
  const from = (origin: string) =>
    newPage(host.url, {
      extraHeaders: { Cookie: 'session=ada', Authorization: 'Basic YQ==', Origin: origin },
    });
  for (const origin of ['https://evil.example', 'null', 'file://'])
    expect(await refusalOf(from(origin))).toMatchObject({ data: { code: 'NOT_IDENTIFIED' } });
  await connected(from(host.url));
});

test('a page of an allowed origin can, and so can one at the public address', async () => {
  const identify = ({ headers }: HttpRequest) => (headers.cookie === undefined ? null : { id: 'ada' });
  const extraHeaders = (Origin: string) => ({ Cookie: 'session=ada', Origin });
  const named = await startHost({
    identify,
    gateway: { allowedOrigins: ['https://app.example.com'] },
  });
  await connected(newPage(named.url, { extraHeaders: extraHeaders('https://app.example.com') }));
  const published = await startHost({ identify, publicUrl: 'https://app.example.com:8443/api' });
  await connected(newPage(published.url, { extraHeaders: extraHeaders('https://app.example.com:8443') }));
  const other = newPage(published.url, { extraHeaders: extraHeaders('https://app.example.com') });
  expect(await refusalOf(other)).toMatchObject({ data: { code: 'NOT_IDENTIFIED' } });
});

test('one connection is identified once at a time, however often it asks', async () => {
  let asked = 0;
  const waiting: (() => void)[] = [];
  const host = await startHost({
    gateway: { limits: { signinsPerSecond: 0 } },
    identify: async () => {
      asked++;
      await new Promise<void>((resolve) => waiting.push(resolve));
      return { id: 'ada' };
    },
  });
  const client = await RawSocketIo.open(host.url);
  for (let n = 0; n < 50; n++) client.send('40{}');
  for (let n = 0; n < 49; n++)
    expect(await client.next('44')).toBe(
      '44{"message":"This connection is taken: open another one","data":{"code":null}}',
    );
  expect(asked).toBe(1);
  waiting.forEach((go) => {
    go();
  });
  await client.next('40{"sid"');
  client.send('40{}');
  // Socket.IO takes a second one for a broken client.
  await client.closed;
  expect(asked).toBe(1);
});

test('a connection that is refused again and again is slowed down', async () => {
  let asked = 0;
  const host = await startHost({
    gateway: { limits: { signinsPerSecond: 3 } },
    identify: () => {
      asked++;
      return null;
    },
  });
  const client = await RawSocketIo.open(host.url);
  for (let n = 0; n < 3; n++) {
    client.send('40{}');
    expect(await client.next('44')).toContain('NOT_IDENTIFIED');
  }
  client.send('40{}');
  expect(await client.next('44')).toContain('"code":4301');
  expect(asked).toBe(3);
});
