import { connect } from 'node:net';
import { BATCH_BODY_BYTES, EVENT_BODY_BYTES } from '../../../../src/adapters/ws/http-api/publishing.js';
import { BODY_TIMEOUT_MS } from '../../../../src/http/request-bodies.js';
import { onTeardown } from '../../../support/teardown.js';
import { Api, APP } from './support.js';

const EVENT = { name: 'created', channel: 'orders', data: '{}' };

describe('The target of a request (3.13)', () => {
  test.each([
    ['GET', '/'],
    ['POST', '/event'],
    ['POST', '/events/'],
    ['POST', '/events/7'],
    ['POST', '/EVENTS'],
    ['GET', '/channels/orders/members'],
    ['GET', '/channels/orders/users/ann'],
    ['POST', '/users/ann'],
    ['POST', '/users/ann/events'],
    ['GET', '/__proto__'],
    ['GET', '/%2E%2E%2Fchannels'],
  ])('is answered with 404 and what there is for %s %s', async (method, resource) => {
    const api = await Api.start();
    const answer = await api.send(api.signed(method, resource), method);
    expect(answer.status).toBe(404);
    expect(answer.body).toContain('channels/*/users');
  });

  test.each([
    ['GET', '/events', 'POST'],
    ['PUT', '/events', 'POST'],
    ['OPTIONS', '/events', 'POST'],
    ['GET', '/batch_events', 'POST'],
    ['DELETE', '/users/ann/terminate_connections', 'POST'],
    ['POST', '/channels', 'GET'],
    ['HEAD', '/channels', 'GET'],
    ['POST', '/channels/orders', 'GET'],
    ['POST', '/channels/presence-room/users', 'GET'],
  ])('is answered with 405 for %s %s, and allowed is %s', async (method, resource, allowed) => {
    const api = await Api.start();
    const { status, headers } = await api.send(api.signed(method, resource), method);
    expect([status, headers.get('allow')]).toEqual([405, allowed]);
  });

  test.each([
    'info=user_count&info=user_count',
    'info=user_count&INFO=subscription_count',
    'auth_key=a&auth_key=b',
    'filter_by_prefix=%zz',
    'filter_by_prefix=%',
    '%c3%28=1',
  ])('is answered with 400 for the query %s, before the signature is looked at', async (query) => {
    const api = await Api.start();
    expect((await api.send(`/apps/${APP.id}/channels?${query}`, 'GET')).status).toBe(400);
  });

  test.each(['info[]', 'info[0]', '__proto__', 'constructor', 'auth_keys', 'filter_by_prefx', ''])(
    'is answered with 400 for the signed query parameter %j',
    async (name) => {
      const api = await Api.start();
      const answer = await api.get('/channels', { params: { [name]: 'user_count' } });
      expect(answer.status).toBe(400);
      expect(answer.body).toContain(`extraneous: ${name}`);
    },
  );

  test('is answered with 400 when a POST has in its query what belongs in its body', async () => {
    const api = await Api.start();
    const answer = await api.post('/events', EVENT, { params: { 'channels[]': 'orders' } });
    expect(answer).toMatchObject({ status: 400 });
    expect(answer.body).toContain('send them in the JSON body');
  });

  test('takes the fields of an event from the query too, and those of the body first', async () => {
    const api = await Api.start();
    const client = api.session.joins('orders');
    const params = { name: 'created', channel: 'orders', data: '1', info: 'subscription_count' };
    expect(await api.post('/events', '', { params })).toMatchObject({
      status: 200,
      body: { channels: { orders: { subscription_count: 1 } } },
    });
    await api.post('/events', { data: '2' }, { params: { ...params, socket_id: client.id } });
    await api.post('/events', { ...EVENT, data: '3' }, { params: { name: 'other' } });
    expect(client.hears()).toMatchObject([
      { event: 'created', data: 1 },
      { event: EVENT.name, data: 3 },
    ]);
  });

  test.each([
    ['GET', '/channels', 200],
    ['HEAD', '/channels', 405],
    ['GET', '/nothing', 404],
    ['POST', '/events', 400],
  ])('is answered with a Content-Length and not in chunks: %s %s', async (method, resource, status) => {
    const api = await Api.start();
    const answer = await api.send(api.signed(method, resource), method);
    expect(answer.status).toBe(status);
    expect(Number(answer.headers.get('content-length'))).toBeGreaterThan(0);
    expect(answer.headers.get('transfer-encoding')).toBeNull();
  });

  test('is answered with 4xx for a query of any length', async () => {
    const api = await Api.start();
    const many = Array.from({ length: 2_000 }, (_, n) => `k${n}=`).join('&');
    for (const query of [
      'x'.repeat(15_000),
      '&'.repeat(15_000),
      '=&'.repeat(7_000),
      many,
      'x'.repeat(100_000),
    ]) {
      const { status } = await api.send(`/apps/${APP.id}/channels?${query}`, 'GET');
      expect(Math.floor(status / 100)).toBe(4);
    }
    expect((await api.get('/channels')).status).toBe(200);
  });
});

describe('A body is bounded (3.12)', () => {
  test.each([
    ['/events', EVENT_BODY_BYTES],
    ['/batch_events', BATCH_BODY_BYTES],
    ['/users/ann/terminate_connections', 1_024],
  ])(
    'and one that is announced as too large for %s is refused at once with 413',
    async (resource, maximum) => {
      const api = await Api.start();
      const path = api.signed('POST', resource, { body: 'x' });
      const { answered, request, closed } = api.open(path, { headers: { 'Content-Length': maximum + 1 } });
      request.flushHeaders();
      const { response, text } = await answered;
      expect([response.statusCode, response.headers.connection]).toEqual([413, 'close']);
      expect(text).toContain(`${maximum} bytes are allowed`);
      await closed;
    },
  );

  test('and one that turns out too large is refused with 413 before its end, and the connection closed', async () => {
    const api = await Api.start();
    const { answered, request, closed } = api.open(api.signed('POST', '/events', { body: 'x' }));
    request.write('x'.repeat(EVENT_BODY_BYTES));
    request.write('x');
    const { response } = await answered;
    expect([response.statusCode, response.headers.connection]).toEqual([413, 'close']);
    await closed;
  });

  test('and one that is exactly as large as allowed is read', async () => {
    const api = await Api.start();
    const body = JSON.stringify(EVENT).padEnd(EVENT_BODY_BYTES);
    expect(await api.post('/events', body)).toMatchObject({ status: 200 });
  });

  test('and of a stranger’s nothing is read at all', async () => {
    const api = await Api.start();
    const { answered, request, closed } = api.open(`/apps/${APP.id}/events`);
    request.flushHeaders();
    const { response } = await answered;
    expect([response.statusCode, response.headers.connection]).toEqual([401, 'close']);
    await closed;
  });

  test('and a refusal with a small body leaves the connection for the next request', async () => {
    const api = await Api.start();
    const { answered, request } = api.open(`/apps/${APP.id}/events`, { headers: { 'Content-Length': 2 } });
    request.end('{}');
    const { response } = await answered;
    expect([response.statusCode, response.headers.connection]).toEqual([401, 'keep-alive']);
  });

  test('in time too: one that does not arrive is refused with 408, and the connection closed', async () => {
    const api = await Api.start();
    const { answered, request, closed } = api.open(api.signed('POST', '/events', { body: '{}' }), {
      headers: { Expect: '100-continue' },
    });
    // The API is listening to the body once it has been told to go on.
    await new Promise((resolve) => {
      request.on('continue', resolve);
      request.flushHeaders();
    });
    await api.get('/channels');
    api.session.clock.advance(BODY_TIMEOUT_MS);
    const { response, text } = await answered;
    expect([response.statusCode, response.headers.connection]).toEqual([408, 'close']);
    expect(text).toContain('within 10 seconds');
    await closed;
  });

  test('by the life of the gateway: one that is still arriving is answered with 503 when that closes', async () => {
    const api = await Api.start();
    const { answered, request, closed } = api.open(api.signed('POST', '/events', { body: '{}' }), {
      headers: { Expect: '100-continue' },
    });
    await new Promise((resolve) => {
      request.on('continue', resolve);
      request.flushHeaders();
    });
    await api.get('/channels');
    await api.api.close();
    expect((await answered).response.statusCode).toBe(503);
    await closed;
    expect((await api.get('/channels')).status).toBe(418);
  });

  test('and one whose connection is lost halfway sends nothing and breaks nothing', async () => {
    const api = await Api.start();
    const client = api.session.joins('orders');
    const body = JSON.stringify(EVENT);
    const path = api.signed('POST', '/events', { body });
    const { request, closed } = api.open(path, { headers: { 'Content-Length': body.length } });
    await new Promise((resolve) => request.write(body.slice(0, -1), resolve));
    request.destroy();
    await closed;
    expect((await api.get('/channels')).status).toBe(200);
    expect(client.hears()).toEqual([]);
  });

  test('and requests on one connection, sent without waiting, are answered in their order', async () => {
    const api = await Api.start();
    const client = api.session.joins('orders');
    const socket = connect(api.port, '127.0.0.1');
    onTeardown(() => socket.destroy());
    const bodies = ['one', 'two', 'three'].map((name) => JSON.stringify({ ...EVENT, name }));
    for (const body of bodies) {
      socket.write(
        `POST ${api.signed('POST', '/events', { body })} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    }
    let answers = '';
    await new Promise<void>((resolve) => {
      socket.on('data', (data) => {
        answers += data.toString();
        if (answers.split('HTTP/1.1 200 OK').length === 4) resolve();
      });
    });
    expect(client.hears().map(({ event }) => event)).toEqual(['one', 'two', 'three']);
  });
});
