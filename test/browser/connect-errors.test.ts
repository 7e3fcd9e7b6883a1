import { AuthorizeChannel, type ChannelAuthorizer, SocketService } from 'nestjs-switchboard';
import { connect } from 'nestjs-switchboard/browser';
import { rejection, startHost } from '../support/hosts.js';
import { answering, changedConfigOf, closedPort, ReleasedPusher, watchSockets } from './backends.js';

const ALICE = { 'x-member': 'alice' };

/** The sentence that `connect` rejects with. */
async function failure(url: string, headers: Record<string, string> = ALICE): Promise<string> {
  const error = await rejection(connect(ReleasedPusher, { url, headers }));
  return (error as Error).message;
}

describe('a backend that cannot be asked', () => {
  test('because nobody listens there is named', async () => {
    const url = `http://127.0.0.1:${await closedPort()}`;
    expect(await failure(url)).toContain(`${url}/socket/config`);
  });

  test('because nobody listens there keeps the cause', async () => {
    const error = await rejection(connect(ReleasedPusher, { url: `http://127.0.0.1:${await closedPort()}` }));
    expect((error as Error).cause).toBeDefined();
  });

  test.each([404, 401, 500])('because it answers %i is told with the status', async (status) => {
    const url = await answering(status, 'application/json', '{"message":"no"}');
    expect(await failure(url)).toBe(`${url}/socket/config answered ${status}`);
  });

  test('because SocketModule is elsewhere is told with the address', async () => {
    const { url } = await startHost({ provider: 'ws', path: 'live' });
    expect(await failure(url)).toBe(`${url}/socket/config answered 404`);
  });

  test.each([
    ['the page of a single-page application', 'text/html', '<!doctype html><title>Shop</title>'],
    ['nothing', 'application/json', ''],
    ['null', 'application/json', 'null'],
    ['other JSON', 'application/json', '{"status":"ok"}'],
    ['a text', 'application/json', '"ok"'],
  ])('because it answers %s is told so', async (_, type, body) => {
    const url = await answering(200, type, body);
    expect(await failure(url)).toBe(`${url}/socket/config did not answer with a socket configuration`);
  });

  test('because its provider is memory is told so', async () => {
    const { url } = await startHost({ provider: 'memory' });
    expect(await failure(url)).toMatch(/"memory".*no browser can reach/);
  });
});

describe('a backend that refuses', () => {
  test('the signin is told with the status, and no connection is left', async () => {
    const host = await startHost({ provider: 'ws' });
    const allClosed = watchSockets(host);
    expect(await failure(host.url, {})).toMatch(/^The signin was refused: .*403/);
    await allClosed();
    expect(await host.app.get(SocketService).health()).toMatchObject({ status: 'up', connections: 0 });
  });

  test('the broadcast channel is told with its name, and no connection is left', async () => {
    @AuthorizeChannel('private-all')
    class Closed implements ChannelAuthorizer {
      authorize(): boolean {
        return false;
      }
    }
    const host = await startHost(
      { provider: 'ws', broadcastChannel: 'private-all' },
      { providers: [Closed] },
    );
    const allClosed = watchSockets(host);
    expect(await failure(host.url)).toMatch(/^No subscription to "private-all": .*403/);
    await allClosed();
  });
});

describe('a provider that refuses', () => {
  test('the key is told in its own words', async () => {
    const host = await startHost({ provider: 'ws' });
    const allClosed = watchSockets(host);
    const url = await changedConfigOf(host, (config) => ({ ...config, key: 'wrong-key' }));
    expect(await failure(url)).toMatch(/^No connection: .*[Aa]pp.*key/);
    await allClosed();
  });

  test('the signature, because the secrets differ, is told in its own words', async () => {
    const app = { id: '1', key: 'the-key', secret: 'one' };
    const provider = await startHost({ provider: 'ws', app });
    const backend = await startHost({ provider: 'ws', app: { ...app, secret: 'another' } });
    const allClosed = watchSockets(provider);
    const port = Number(new URL(provider.url).port);
    const url = await changedConfigOf(backend, ({ options, ...rest }) => ({
      ...rest,
      options: { ...options, wsPort: port },
    }));
    expect(await failure(url)).toMatch(/^The server refused: Invalid signature/);
    await allClosed();
  });
});

test('a provider that cannot be reached is told so', async () => {
  const host = await startHost({ provider: 'ws' });
  const wsPort = await closedPort();
  const url = await changedConfigOf(host, ({ options, ...rest }) => ({
    ...rest,
    // `pusher-js` gives up for the moment after so many milliseconds; its default is 10 seconds.
    options: { ...options, wsPort, unavailableTimeout: 50 },
  }));
  expect(await failure(url)).toMatch(/^No connection: ./);
});
