import { createHash } from 'node:crypto';
import { Api, APP, type RequestParts } from './support.js';

const EVENT = { name: 'created', channel: 'orders', data: '{"text":"žluťoučký 👩‍🚀"}' };

const refusals: [what: string, parts: RequestParts, words: string][] = [
  ['without auth_key', { beforeSigning: (query) => delete query['auth_key'] }, 'Missing parameter: auth_key'],
  ['without auth_version', { beforeSigning: (query) => delete query['auth_version'] }, 'auth_version'],
  ['without auth_timestamp', { beforeSigning: (query) => delete query['auth_timestamp'] }, 'auth_timestamp'],
  ['without auth_signature', { afterSigning: (query) => delete query['auth_signature'] }, 'auth_signature'],
  ['without body_md5', { beforeSigning: (query) => delete query['body_md5'] }, 'Missing parameter: body_md5'],
  ['with another key', { beforeSigning: (query) => (query['auth_key'] = 'other') }, 'Unknown auth_key'],
  ['with another version', { beforeSigning: (query) => (query['auth_version'] = '1.1') }, 'auth_version'],
  ['with another body’s MD5', { beforeSigning: (query) => (query['body_md5'] = md5('other')) }, 'body_md5'],
  ['with an MD5 in capitals', { beforeSigning: shout('body_md5') }, 'Invalid body_md5'],
  [
    'whose MD5 was changed after signing',
    { afterSigning: (query) => (query['body_md5'] = md5('{}')) },
    'signature',
  ],
  [
    'with a parameter added after signing',
    { afterSigning: (query) => (query['x'] = '1') },
    'Invalid signature',
  ],
  ['with a signature in capitals', { afterSigning: shout('auth_signature') }, 'Invalid signature'],
  ['signed for another path', { signedPath: `/apps/${APP.id}/batch_events` }, 'Invalid signature'],
];

describe('Every request is signed (3.14)', () => {
  test('and one that is rightly signed is taken, unicode and all', async () => {
    const api = await Api.start();
    const client = api.session.joins('orders');
    expect(await api.post('/events', EVENT)).toMatchObject({ status: 200 });
    expect(client.hears()).toMatchObject([{ data: { text: 'žluťoučký 👩‍🚀' } }]);
  });

  test.each(refusals)('and one %s is refused with 401', async (_, parts, words) => {
    const api = await Api.start();
    const client = api.session.joins('orders');
    const answer = await api.post('/events', EVENT, parts);
    expect(answer.status).toBe(401);
    expect(answer.body).toContain(words);
    expect(answer.body).not.toContain(APP.secret);
    expect(client.hears()).toEqual([]);
  });

  test('and a body that was changed on the way is refused with 401', async () => {
    const api = await Api.start();
    const client = api.session.joins('orders');
    const path = api.signed('POST', '/events', { body: EVENT });
    for (const body of [{ ...EVENT, data: 'forged' }, `${JSON.stringify(EVENT)} `, '']) {
      expect(await api.send(path, 'POST', body)).toMatchObject({ status: 401 });
    }
    expect(client.hears()).toEqual([]);
  });

  test('and one of another secret is refused with 401, told what to sign and not the signature', async () => {
    const api = await Api.start();
    const right = new URLSearchParams(api.signed('POST', '/events', { body: EVENT }).split('?')[1]);
    const answer = await api.post('/events', EVENT, {
      afterSigning: (query) => (query['auth_signature'] = 'x'),
    });
    expect(answer.status).toBe(401);
    expect(answer.body).toContain('POST\\n/apps/1/events\\nauth_key=test-key&auth_timestamp=');
    expect(answer.body).not.toContain(right.get('auth_signature'));
  });

  test.each([0, 600, -600])('and a clock that is %i s off is allowed', async (offset) => {
    const api = await Api.start();
    expect(await api.post('/events', EVENT, { timestamp: api.time + offset })).toMatchObject({ status: 200 });
  });

  test.each([601, -601, 86_400, -86_400])(
    'and a clock that is %i s off is refused with 401',
    async (offset) => {
      const api = await Api.start();
      const answer = await api.post('/events', EVENT, { timestamp: api.time + offset });
      expect(answer.status).toBe(401);
      expect(answer.body).toContain('Timestamp expired');
    },
  );

  test('and a captured request that is replayed after the window is refused with 401', async () => {
    const api = await Api.start();
    const client = api.session.joins('orders');
    const path = api.signed('POST', '/events', { body: EVENT });
    expect(await api.send(path, 'POST', EVENT)).toMatchObject({ status: 200 });
    api.session.clock.advance(601_000);
    expect(await api.send(path, 'POST', EVENT)).toMatchObject({ status: 401 });
    expect(client.hears().filter(({ event }) => event === 'created')).toHaveLength(1);
  });

  test('and a signature for one method does not hold for another', async () => {
    const api = await Api.start();
    expect(await api.send(api.signed('POST', '/channels'), 'GET')).toMatchObject({ status: 401 });
  });

  test('and a path with percent-encoding is signed as it is sent', async () => {
    const api = await Api.start();
    const path = `/apps/${APP.id}/channels/%23server-to-user-ann`;
    expect(await api.get('/channels/%23server-to-user-ann')).toMatchObject({ status: 200 });
    const decoded = await api.get('/channels/%23server-to-user-ann', {
      signedPath: decodeURIComponent(path),
    });
    expect(decoded).toMatchObject({ status: 401 });
  });

  test('and keys are signed in lower case, whatever they are sent in', async () => {
    const api = await Api.start();
    api.session.joins('presence-room', { user_id: 'ann' });
    const answer = await api.get('/channels', {
      params: { Filter_By_Prefix: 'presence-', INFO: 'user_count' },
      afterSigning: (query) => {
        query['AUTH_KEY'] = query['auth_key'] ?? '';
        delete query['auth_key'];
      },
    });
    expect(answer).toMatchObject({ status: 200, body: { channels: { 'presence-room': { user_count: 1 } } } });
  });

  test('and values are signed as they are, not as the URL writes them', async () => {
    const api = await Api.start();
    const params = { filter_by_prefix: 'ž %26+&=#👩‍🚀' };
    expect(await api.get('/channels', { params })).toMatchObject({ status: 200, body: { channels: {} } });
  });

  test('and a GET needs it as much as a POST', async () => {
    const api = await Api.start();
    for (const path of ['/channels', '/channels/orders', '/channels/presence-x/users']) {
      expect(await api.send(`/apps/${APP.id}${path}`, 'GET')).toMatchObject({ status: 401 });
    }
  });
});

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

function shout(name: string): (query: Record<string, string>) => void {
  return (query) => {
    query[name] = (query[name] ?? '').toUpperCase();
  };
}
