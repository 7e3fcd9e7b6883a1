import { AuthorizeChannel, type ChannelAuthorizer, SocketService } from 'nestjs-switchboard';
import { connect, ConnectError, type ConnectOptions } from 'nestjs-switchboard/browser';
import { rejection, startHost } from '../support/hosts.js';
import { answering, changedConfigOf, closedPort, frontOf, ReleasedPusher, watchSockets } from './backends.js';

const ALICE = { 'x-member': 'alice' };
/** Less than the helper waits before a second try. */
const ONE_TRY_MS = 300;

/** The error that `connect` rejects with. None of them sends anybody to the documentation of another product. */
async function failure(options: ConnectOptions): Promise<ConnectError> {
  const error = await rejection(connect(ReleasedPusher, { headers: ALICE, ...options }));
  if (!(error instanceof ConnectError)) throw error;
  expect(error.name).toBe('ConnectError');
  expect(error.message).not.toContain('pusher.com');
  return error;
}

describe('a backend that cannot be asked', () => {
  test('because nobody listens there is told with the address, the cause and the origin to allow', async () => {
    const url = `http://127.0.0.1:${await closedPort()}`;
    const error = await failure({ url, timeoutMs: ONE_TRY_MS });
    expect(error).toMatchObject({
      code: 'BACKEND_UNREACHABLE',
      retryable: true,
      url: `${url}/socket/config`,
    });
    expect(error.cause).toBeDefined();
    expect(error.message).toMatch(/^http:\S+\/socket\/config cannot be reached: .+ECONNREFUSED.+CORS/);
  });

  test.each([
    [404, 'BACKEND_REFUSED', false],
    [401, 'BACKEND_REFUSED', false],
    [500, 'BACKEND_FAILED', true],
    [503, 'BACKEND_FAILED', true],
    [429, 'BACKEND_FAILED', true],
  ] as const)(
    'because it answers %i is told with the status and its reason',
    async (status, code, retryable) => {
      const url = await answering(status, 'application/json', '{"message":["no","not now"]}');
      const error = await failure({ url, timeoutMs: ONE_TRY_MS });
      expect(error).toMatchObject({
        code,
        retryable,
        status,
        reason: 'no. not now',
        url: `${url}/socket/config`,
      });
      expect(error.message).toMatch(`${url}/socket/config answered ${String(status)}: no. not now`);
    },
  );

  test('because SocketModule is elsewhere is told with the options that say where', async () => {
    const { url } = await startHost({ provider: 'ws', path: 'live' });
    const error = await failure({ url });
    expect(error.message).toMatch(/\/socket\/config answered 404: .+`url` and `path`/);
  });

  test.each([
    [
      'the page of a single-page application',
      'text/html',
      '<!doctype html><title>Shop</title>',
      'a web page',
    ],
    ['nothing', 'application/json', '', 'application/json'],
    ['null', 'application/json', 'null', 'application/json'],
    ['other JSON', 'application/json', '{"status":"ok"}', 'application/json'],
    ['a text', 'text/plain', 'ok', 'text/plain'],
  ])('because it answers %s is told so', async (_, type, body, what) => {
    const url = await answering(200, type, body);
    const error = await failure({ url });
    expect(error).toMatchObject({ code: 'INVALID_ANSWER', status: 200, url: `${url}/socket/config` });
    expect(error.message).toMatch(
      `${url}/socket/config did not answer with a socket configuration, but with ${what}. Is \`url\``,
    );
  });

  test.each([
    ['memory', /"memory".*no browser can reach/],
    ['carrier-pigeon', /"carrier-pigeon".*pusher-js cannot connect to/],
  ])('because its provider is %s is told so', async (provider, message) => {
    const config = { provider, key: 'k', options: {}, broadcastChannel: 'all' };
    const error = await failure({ url: await answering(200, 'application/json', JSON.stringify(config)) });
    expect(error.code).toBe('UNSUPPORTED_PROVIDER');
    expect(error.message).toMatch(message);
  });
});

describe('a backend that refuses', () => {
  test('the signin is told with the address, the status and the reason, and no connection is left', async () => {
    const host = await startHost({ provider: 'ws' });
    const allClosed = watchSockets(host);
    const error = await failure({ url: host.url, headers: {} });
    expect(error).toMatchObject({ code: 'SIGNIN_REFUSED', status: 403, url: `${host.url}/socket/user-auth` });
    expect(error.reason).toBeDefined();
    expect(error.message).toMatch(/^The signin was refused: http:\S+ answered 403: .+`guest: true`$/);
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
    const error = await failure({ url: host.url });
    expect(error).toMatchObject({ code: 'SUBSCRIPTION_REFUSED', status: 403 });
    expect(error.message).toMatch(/^The subscription to "private-all" was refused: http:\S+ answered 403: /);
    await allClosed();
  });

  test('with a page instead of a signature is told so', async () => {
    const host = await startHost({ provider: 'ws' });
    const url = await frontOf(host, ({ url: path }, response) => {
      if (path !== '/socket/user-auth') return false;
      response.setHeader('Content-Type', 'text/html').end('<title>Sign in</title>');
      return true;
    });
    const error = await failure({ url });
    expect(error).toMatchObject({ code: 'INVALID_ANSWER', url: `${url}/socket/user-auth` });
    expect(error.message).toContain('did not answer with a signature, but with a web page');
  });
});

describe('a provider that refuses', () => {
  test('the key is told in its own words, with its address', async () => {
    const host = await startHost({ provider: 'ws' });
    const allClosed = watchSockets(host);
    const url = await changedConfigOf(host, (config) => ({ ...config, key: 'wrong-key' }));
    const error = await failure({ url });
    expect(error).toMatchObject({ code: 'GATEWAY_REFUSED', retryable: false });
    expect(error.url).toBe(`${host.url.replace('http', 'ws')}/app/wrong-key`);
    expect(error.message).toMatch(
      /^ws:\S+\/app\/wrong-key refused the connection: .*[Aa]pp.*key.* \(4001\)$/,
    );
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
    const error = await failure({ url });
    expect(error.code).toBe('GATEWAY_REFUSED');
    expect(error.message).toMatch(/^ws:\S+\/app\/the-key refused the signin .*: Invalid signature/);
    await allClosed();
  });
});

test('a gateway that cannot be reached is told with the address that was tried', async () => {
  const host = await startHost({ provider: 'ws' });
  const wsPort = await closedPort();
  const url = await changedConfigOf(host, ({ options, ...rest }) => ({
    ...rest,
    options: { ...options, wsPort, wsPath: '/live' },
  }));
  const error = await failure({ url, timeoutMs: 500 });
  expect(error).toMatchObject({ code: 'GATEWAY_UNREACHABLE', retryable: true });
  expect(error.message).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/live\/app\/\S+ cannot be reached/);
  expect(error.url).toMatch(`ws://127.0.0.1:${wsPort}/live/app/`);
});

describe('an option that is no value of its kind is named, with what is allowed', () => {
  test.each([
    ['url', { url: 'localhost:3000' }, '"localhost:3000"'],
    ['url', { url: 'wss://example.com' }, '"wss://example.com"'],
    ['url', { url: '/api' }, 'without a page there is no origin'],
    ['url', {}, 'without a page there is no origin'],
    ['timeoutMs', { url: 'http://localhost', timeoutMs: -1 }, '-1'],
    ['requestTimeoutMs', { url: 'http://localhost', requestTimeoutMs: Infinity }, 'from 0 to 2147483647'],
    ['storage', { url: 'http://localhost', storage: new Map() as never }, 'no method getItem'],
    [
      'since\\["members"\\]',
      { url: 'http://localhost', since: { members: 'e.01' } },
      '"e.01" is not allowed',
    ],
  ])('%s: %j', async (name, options, told) => {
    const error = await failure(options);
    expect(error.code).toBe('INVALID_OPTION');
    expect(error.message).toMatch(new RegExp(`^${name}: .*`));
    expect(error.message).toContain(told);
  });

  test('one that does not exist, which JavaScript may give', async () => {
    const misspelt = { url: 'http://localhost', autentication: {}, cluster: undefined };
    const error = await failure(misspelt);
    expect(error.code).toBe('INVALID_OPTION');
    expect(error.message).toBe(
      'autentication: is no option. There are: ' +
        'url, path, headers, credentials, guest, timeoutMs, requestTimeoutMs, storage, since, signal',
    );
  });

  test('the class of pusher-js', async () => {
    const error = await rejection(connect({} as typeof ReleasedPusher, { url: 'http://localhost' }));
    expect((error as Error).message).toMatch(/^connect\(Pusher\): .*class of pusher-js/);
  });
});
