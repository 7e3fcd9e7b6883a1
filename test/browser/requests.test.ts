import { startHost } from '../support/hosts.js';
import { connected, frontOf } from './backends.js';

const ALICE = { 'x-member': 'alice' };

describe('the endpoints are asked where the page reaches the backend, whatever the backend thinks of its address', () => {
  test.each([
    ['behind a proxy that strips a path', '/api', {}],
    ['behind one, written with a slash at the end', '/api/', {}],
    ['behind a proxy that strips two, with a path of its own', '/a/b', { path: 'live/v1' }],
  ])('%s', async (_, prefix, options) => {
    const host = await startHost({ provider: 'ws', broadcastChannel: 'private-all', ...options });
    const asked: string[] = [];
    const inner = await frontOf(host, ({ url: path = '' }) => {
      asked.push(path);
      return false;
    });
    const outer = await stripping(prefix.replace(/\/$/, ''), inner);
    const path = 'path' in options ? options.path : 'socket';
    await connected({ url: outer + prefix, path: `/${path}/`, headers: ALICE });
    expect(asked.sort()).toEqual([`/${path}/auth`, `/${path}/config`, `/${path}/user-auth`]);
  });
});

/** `location /api/ { proxy_pass http://app/; }`; everything else is another server's. */
function stripping(prefix: string, url: string): Promise<string> {
  return frontOf({ url }, (request, response) => {
    if (request.url?.startsWith(`${prefix}/`) === true) {
      request.url = request.url.slice(prefix.length);
      return false;
    }
    response.writeHead(404).end();
    return true;
  });
}

describe('headers', () => {
  test('are asked for before every request, also where they come later', async () => {
    const tokens: unknown[] = [];
    const host = await startHost({
      provider: 'ws',
      identify: ({ headers }) => {
        tokens.push(headers.authorization);
        return { id: 'alice' };
      },
    });
    let renewals = 0;
    const headers = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return { Authorization: `Bearer ${String(++renewals)}` };
    };
    const socket = await connected({ url: host.url, headers });
    expect(tokens).toEqual(['Bearer 2']);
    expect(socket.pusher.user.user_data).toMatchObject({ id: 'alice' });
  });

  test('of an application’s JSON requests do no harm', async () => {
    const { url } = await startHost({ provider: 'ws' });
    const socket = await connected({ url, headers: { ...ALICE, 'content-type': 'application/json' } });
    expect(socket.pusher.connection.state).toBe('connected');
  });
});
