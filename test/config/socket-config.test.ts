import {
  type Environment,
  socketConfig,
  SocketConfigurationError,
  type SocketSettings,
} from 'nestjs-switchboard';
import { problemsOf } from '../support/config-problems.js';
import { VARIABLES as NAMES } from '../support/settings.js';
import { VARIABLES } from './variables.js';

const problems = (environment: Environment, settings?: SocketSettings) =>
  problemsOf(() => socketConfig(environment, settings));

const SECRETS = ['SOCKET_APP_SECRET', 'SOCKET_ENCRYPTION_MASTER_KEY'];

test('every variable there is has a row here', () => {
  const tested = [...VARIABLES.map(({ variable }) => variable), ...SECRETS, 'NODE_ENV'];
  expect(tested.sort()).toEqual([...NAMES].sort());
});

describe.each(VARIABLES)('$variable', ({ variable, read, byDefault, good, bad, allowed, alongside }) => {
  test('has its default without a value', () => {
    expect(read(socketConfig({}))).toEqual(byDefault);
  });

  test('counts as absent when it is empty or blank', () => {
    expect(read(socketConfig({ [variable]: '' }))).toEqual(byDefault);
    expect(read(socketConfig({ [variable]: '  ' }))).toEqual(byDefault);
  });

  test.each(good)('takes %j', (text, value) => {
    expect(read(socketConfig({ ...alongside, [variable]: text }))).toEqual(value);
    expect(read(socketConfig({ ...alongside, [variable]: ` ${text} ` }))).toEqual(value);
  });

  test.each(bad)('refuses %j in one line that has the name, the value and what is allowed', (text) => {
    const found = problems({ ...alongside, [variable]: text });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(new RegExp(`^${variable}: `));
    expect(found[0]).toContain(JSON.stringify(text));
    expect(found[0]).toMatch(allowed);
  });
});

describe('the configuration', () => {
  test('is complete with no environment at all, on ws with development credentials', () => {
    const { provider, app } = socketConfig({});
    expect(provider).toBe('ws');
    for (const value of Object.values(app)) expect(value).toMatch(/./);
  });

  test('throws by default where the provider is the fake, so that tests are loud', () => {
    expect(socketConfig({ SOCKET_PROVIDER: 'memory' }).failure).toBe('throw');
    expect(socketConfig({ SOCKET_PROVIDER: 'memory', SOCKET_FAILURE: 'report' }).failure).toBe('report');
  });

  test('ignores variables that are not its own', () => {
    expect(socketConfig({ PATH: '/bin', SOCKET: 'x', PUSHER_APP_ID: '1' })).toEqual(socketConfig({}));
  });

  test('is the same for empty variables as for none', () => {
    const empty = Object.fromEntries(NAMES.map((name) => [name, '']));
    expect(socketConfig(empty)).toEqual(socketConfig({}));
  });

  test('tells every problem at once', () => {
    const bad = Object.fromEntries(VARIABLES.map((row) => [row.variable, row.bad[0] ?? '']));
    const named = problems(bad).map((line) => line.split(':')[0]);
    // Some of them have no effect besides.
    expect([...new Set(named)].sort()).toEqual(Object.keys(bad).sort());
  });

  test('tells bad values, missing ones and impossible combinations in one message', () => {
    const read = () =>
      socketConfig({
        SOCKET_PROVIDER: 'pusher',
        SOCKET_FAILURE: 'never',
        PUSHER_PORT: '0',
        SOCKET_APP_KEY: 'k',
      });
    const named = ['PUSHER_CLUSTER', 'PUSHER_PORT', 'SOCKET_APP_ID', 'SOCKET_APP_SECRET', 'SOCKET_FAILURE'];
    expect(
      problemsOf(read)
        .map((line) => line.split(':')[0])
        .sort(),
    ).toEqual(named);
    for (const name of named) expect(read).toThrow(`\n  - ${name}: `);
    expect(read).toThrow('5 problem(s)');
  });

  test('tells a number that is far too large once', () => {
    const found = problems({ PUSHER_TIMEOUT_MS: '9'.repeat(20) });
    expect(found).toEqual([expect.stringMatching(/^PUSHER_TIMEOUT_MS: .*whole number from 1 to \d+/)]);
  });

  test('is refused with a typed error that no retry mends', () => {
    const read = () => socketConfig({ SOCKET_FAILURE: 'never' });
    expect(read).toThrow(SocketConfigurationError);
    expect(thrownBy(read)).toMatchObject({ code: 'INVALID_CONFIGURATION', retryable: false });
  });

  test.each(['', '/ws', '/a/b-c'])('takes the gateway path %j', (path) => {
    expect(socketConfig({}, {}, { gatewayPath: path }).gateway.path).toBe(path);
  });

  test.each(['ws', '/ws/', '/', '/w s', '/ws?x'])('refuses the gateway path %j', (path) => {
    const found = problemsOf(() => socketConfig({}, {}, { gatewayPath: path }));
    expect(found).toEqual([expect.stringMatching(/^gatewayPath: .*like \/ws/)]);
    expect(found[0]).toContain(`"${path}"`);
  });
});

describe('the HTTP API', () => {
  test.each([{}, { SOCKET_HTTP_API: 'false' }])('has no port of its own while it is off: %j', (off) => {
    expect(problems({ SOCKET_HTTP_API_PORT: '6001', ...off })).toEqual([
      'SOCKET_HTTP_API_PORT: has no effect without SOCKET_HTTP_API=true',
    ]);
    expect(problems({ ...off }, { httpApi: { port: 6001 } })).toHaveLength(1);
  });

  test('has no port of its own while it is off, also where the port is refused', () => {
    expect(problems({ SOCKET_HTTP_API_PORT: 'x' })).toEqual([
      'SOCKET_HTTP_API_PORT: must be a whole number from 1 to 65535; it is "x"',
      'SOCKET_HTTP_API_PORT: has no effect without SOCKET_HTTP_API=true',
    ]);
  });

  test('may have one when it is on, whichever way', () => {
    expect(problems({ SOCKET_HTTP_API_PORT: '6001', SOCKET_HTTP_API: 'true' })).toEqual([]);
    expect(problems({ SOCKET_HTTP_API_PORT: '6001' }, { httpApi: { enabled: true } })).toEqual([]);
  });
});

describe('a cluster over Redis', () => {
  test('needs to be told where that is, whichever way', () => {
    const missing = 'SOCKET_REDIS_URL: is required by SOCKET_CLUSTER=redis; like redis://host:6379';
    expect(problems({ SOCKET_CLUSTER: 'redis' })).toEqual([missing]);
    expect(problems({}, { cluster: 'redis', redis: { prefix: 'shop' } })).toEqual([missing]);
    expect(problems({ SOCKET_CLUSTER: 'redis' }, { redis: { url: 'redis://localhost' } })).toEqual([]);
  });

  test('is off although a Redis is there, until it is asked for', () => {
    expect(socketConfig({ SOCKET_REDIS_URL: 'redis://localhost' })).toMatchObject({
      cluster: 'local',
      redis: { address: { hosts: [{ host: 'localhost', port: 6_379 }] }, prefix: 'switchboard' },
    });
  });
});

describe('a queue', () => {
  const ON_PUSHER = {
    SOCKET_PROVIDER: 'pusher',
    SOCKET_APP_ID: '1',
    SOCKET_APP_KEY: 'key',
    SOCKET_APP_SECRET: 'secret',
    PUSHER_CLUSTER: 'eu',
    SOCKET_DELIVERY: 'queue',
    SOCKET_REDIS_URL: 'redis://localhost',
  };

  test('needs to be told where Redis is, except for the fake, which has none', () => {
    const missing = 'SOCKET_REDIS_URL: is required by SOCKET_DELIVERY=queue; like redis://host:6379';
    expect(problems({ ...ON_PUSHER, SOCKET_REDIS_URL: '' })).toEqual([missing]);
    expect(problems(ON_PUSHER)).toEqual([]);
    expect(problems({ SOCKET_DELIVERY: 'queue', SOCKET_PROVIDER: 'memory' })).toEqual([]);
  });

  test('needs a cluster on the gateway: a worker without one would bring relays to nobody', () => {
    const needed =
      'SOCKET_CLUSTER: has to be redis with SOCKET_DELIVERY=queue on "ws": any process may bring a relay';
    expect(problems({ ...ON_PUSHER, SOCKET_PROVIDER: 'ws' })).toEqual([needed]);
    expect(problems({ ...ON_PUSHER, SOCKET_PROVIDER: 'pusher,ws' })).toEqual([needed]);
    expect(problems({ ...ON_PUSHER, SOCKET_PROVIDER: 'ws', SOCKET_CLUSTER: 'redis' })).toEqual([]);
  });

  test.each(['SOCKET_QUEUE_CONCURRENCY', 'SOCKET_MAX_DEAD_LETTERS'])('is what %s has to do with', (name) => {
    expect(problems({ [name]: '1' })).toEqual([`${name}: has no effect without SOCKET_DELIVERY=queue`]);
    expect(problems({ ...ON_PUSHER, [name]: '1' })).toEqual([]);
  });

  test.each(['SOCKET_QUEUE_CONCURRENCY', 'SOCKET_MAX_DEAD_LETTERS'])(
    'is what %s has to do with, also where its value is refused',
    (name) => {
      expect(problems({ [name]: 'x' })).toEqual([
        expect.stringMatching(new RegExp(`^${name}: must be a whole number .*; it is "x"$`)),
        `${name}: has no effect without SOCKET_DELIVERY=queue`,
      ]);
      expect(problems({ ...ON_PUSHER, [name]: 'x' })).toHaveLength(1);
      // With a refused SOCKET_DELIVERY nobody knows whether there is a queue.
      expect(problems({ [name]: '1', SOCKET_DELIVERY: 'x' })).toEqual([
        expect.stringMatching(/^SOCKET_DELIVERY: must be one of: .*; it is "x"$/),
      ]);
    },
  );

  test('needs a cluster on the gateway, also where SOCKET_CLUSTER is refused', () => {
    expect(problems({ ...ON_PUSHER, SOCKET_PROVIDER: 'ws', SOCKET_CLUSTER: 'x' })).toEqual([
      'SOCKET_CLUSTER: must be one of: local, redis; it is "x"',
      'SOCKET_CLUSTER: has to be redis with SOCKET_DELIVERY=queue on "ws": any process may bring a relay',
    ]);
  });

  test('holds more than memory does, and for longer, unless it is told otherwise', () => {
    expect(socketConfig(ON_PUSHER).delivery).toEqual({
      mode: 'queue',
      retryDeadlineMs: 86_400_000,
      waitingRelays: 1_000_000,
      waitingBytes: 1_073_741_824,
      breakerFailures: 5,
      queueConcurrency: 64,
      deadLetters: 10_000,
    });
    expect(socketConfig({ ...ON_PUSHER, SOCKET_MAX_WAITING_RELAYS: '7' }).delivery.waitingRelays).toBe(7);
  });
});

describe('a webhook target that is this machine or in its network', () => {
  test.each([
    ['http://127.0.0.1/hook', '127.0.0.1'],
    ['https://2130706433', '127.0.0.1'],
    ['http://user:hunter2@10.0.0.7:8080/hook?token=hunter2', '10.0.0.7'],
    ['http://169.254.169.254/', '169.254.169.254'],
    ['http://[::1]:3000/hook', '[::1]'],
    ['http://[::ffff:127.0.0.1]/', '[::ffff:7f00:1]'],
    ['http://localhost:3000/hook', 'localhost'],
    ['http://LOCALHOST.:3000/hook', 'localhost.'],
    ['http://app.localhost/hook', 'app.localhost'],
  ])('is refused: %s', (url, shown) => {
    const message = `${shown} is not a public address; SOCKET_WEBHOOK_PRIVATE_TARGETS=true allows it`;
    const line = `SOCKET_WEBHOOK_URLS: ${message}`;
    expect(problems({ SOCKET_WEBHOOK_URLS: url })).toEqual([line]);
    const among = `https://a.example.com/hook, ${url}`;
    expect(problems({ SOCKET_WEBHOOK_URLS: among, SOCKET_WEBHOOK_PRIVATE_TARGETS: 'false' })).toEqual([line]);
    expect(problems({}, { webhooks: { urls: [url] } })).toEqual([`webhooks.urls: ${message}`]);
  });

  test('is taken where the configuration allows it', () => {
    const urls = 'http://127.0.0.1/hook,http://localhost/hook';
    const given = { SOCKET_WEBHOOK_URLS: urls, SOCKET_WEBHOOK_PRIVATE_TARGETS: 'true' };
    expect(socketConfig(given).webhooks.urls).toEqual(urls.split(','));
  });

  test('is not suspected of a public address, or of a name', () => {
    const urls = 'https://8.8.8.8/hook,https://[2606:4700::1111]/,http://worker/hook,http://mylocalhost/hook';
    expect(problems({ SOCKET_WEBHOOK_URLS: urls })).toEqual([]);
  });
});

describe('the provider pusher', () => {
  const APP = { SOCKET_APP_ID: '1', SOCKET_APP_KEY: 'k', SOCKET_APP_SECRET: 's' };

  test('needs credentials of its own and a place to go to', () => {
    expect(problems({ SOCKET_PROVIDER: 'pusher' }).map((line) => line.split(':')[0])).toEqual([
      'SOCKET_APP_ID',
      'SOCKET_APP_KEY',
      'SOCKET_APP_SECRET',
      'PUSHER_CLUSTER',
    ]);
  });

  test('does not call a cluster missing that is refused', () => {
    const found = problems({ SOCKET_PROVIDER: 'pusher', ...APP, PUSHER_CLUSTER: '?' });
    expect(found).toEqual([expect.stringMatching(/^PUSHER_CLUSTER: must .*; it is "\?"$/)]);
  });

  test('is content with a cluster, and with a host instead', () => {
    const pusher = { SOCKET_PROVIDER: 'pusher', ...APP };
    expect(problems({ ...pusher, PUSHER_CLUSTER: 'eu' })).toEqual([]);
    expect(problems({ ...pusher, PUSHER_HOST: 'pusher.internal' })).toEqual([]);
  });

  test('takes the same credentials as ws, so that switching is one variable', () => {
    const both = { ...APP, PUSHER_CLUSTER: 'eu' };
    const app = { id: '1', key: 'k', secret: 's' };
    expect(socketConfig({ ...both, SOCKET_PROVIDER: 'pusher' })).toMatchObject({ provider: 'pusher', app });
    expect(socketConfig({ ...both, SOCKET_PROVIDER: 'ws' })).toMatchObject({ provider: 'ws', app });
  });
});

function thrownBy(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return error;
  }
}
