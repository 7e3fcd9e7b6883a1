import { socketConfig, type SocketSettings } from 'nestjs-switchboard';
import { problemsOf } from '../support/config-problems.js';

/** Settings as JavaScript may give them, whatever the types say. */
const problems = (settings: object) => problemsOf(() => socketConfig({}, settings));

const A_QUEUE = { mode: 'queue' };

test.each<[variable: string, settings: object, line: string]>([
  [
    'a number',
    { pusher: { port: 0 } },
    'PUSHER_PORT: must be a whole number from 1 to 65535; pusher.port in code is 0',
  ],
  [
    'a number written as a text',
    { gateway: { drainMs: '5' } },
    'SOCKET_DRAIN_MS: must be a whole number from 0 to 600000; gateway.drainMs in code is "5"',
  ],
  [
    'a number that is none',
    { gateway: { limits: { channels: NaN } } },
    'SOCKET_MAX_CHANNELS: must be a whole number from 0 to 2147483647; gateway.limits.channels in code is NaN',
  ],
  [
    'half a number',
    { maxEventBytes: 1.5 },
    'SOCKET_MAX_EVENT_BYTES: must be a whole number from 0 to 2147483647; maxEventBytes in code is 1.5',
  ],
  [
    'a yes written as a text',
    { httpApi: { enabled: 'true' } },
    'SOCKET_HTTP_API: must be one of: true, false; httpApi.enabled in code is "true"',
  ],
  [
    'a choice',
    { failure: 'never' },
    'SOCKET_FAILURE: must be one of: report, throw; failure in code is "never"',
  ],
  [
    'a list written as a text',
    { webhooks: { urls: 'https://a.example.com' } },
    'SOCKET_WEBHOOK_URLS: must be http or https URLs, separated by commas; webhooks.urls in code is "https://a.example.com"',
  ],
  [
    'an entry of a list',
    { gateway: { allowedOrigins: ['https://a.example.com', 'b'] } },
    'SOCKET_ALLOWED_ORIGINS: must be origins of pages like https://app.example.com, https://*.example.com, ' +
      'capacitor://localhost or null, without a path; an empty list allows any; ' +
      'gateway.allowedOrigins in code is ["https://a.example.com", "b"]',
  ],
  [
    'a text that is empty',
    { broadcastChannel: '' },
    'SOCKET_BROADCAST_CHANNEL: must be a channel name: it is empty; broadcastChannel in code is ""',
  ],
  [
    'null',
    { gateway: { clientEvents: null } },
    'SOCKET_CLIENT_EVENTS: must be true, false, or a comma-separated list of private- and presence- channels; ' +
      'gateway.clientEvents in code is null',
  ],
  [
    'two providers in one text',
    { provider: 'pusher,ws' },
    'SOCKET_PROVIDER: must be one of: ws, pusher, memory; or two of ws and pusher, the first of them first, ' +
      'like pusher,ws; provider in code is "pusher,ws"',
  ],
])('%s is refused with its variable and its path in code', (_, settings, line) => {
  expect(problems(settings)).toEqual([line]);
});

test.each<[string, object, string]>([
  ['a number', { gateway: 5 }, 'gateway: must be an object of settings; it is a number'],
  ['a list', { delivery: [A_QUEUE] }, 'delivery: must be an object of settings; it is a list'],
  ['null', { gateway: { limits: null } }, 'gateway.limits: must be an object of settings; it is null'],
])('a section that is %s is refused', (_, settings, line) => {
  expect(problems(settings)).toEqual([line]);
});

test('a secret is not shown, whatever it is', () => {
  expect(problems({ app: { secret: 12_345 } })).toEqual([
    'SOCKET_APP_SECRET: must be a text that is not empty; app.secret in code is a number',
  ]);
  expect(problems({ encryptionMasterKey: 'hunter2' })).toEqual([
    expect.stringMatching(/^SOCKET_ENCRYPTION_MASTER_KEY: .*; encryptionMasterKey in code is 7 characters$/),
  ]);
  const urls = ['ftp://user:hunter2@hooks.example.com?hunter2', 'https://b.example.com'];
  expect(problems({ webhooks: { urls } })).toEqual([
    expect.stringMatching(/\["ftp:\/\/…@hooks\.example\.com\?…", "https:\/\/b\.example\.com"\]$/),
  ]);
});

test('a problem in the environment is told without a path', () => {
  expect(problemsOf(() => socketConfig({ PUSHER_PORT: '0' }))).toEqual([
    'PUSHER_PORT: must be a whole number from 1 to 65535; it is "0"',
  ]);
});

test('nothing is said of a combination with a value that is refused', () => {
  const environment = { SOCKET_HTTP_API: 'yes', SOCKET_HTTP_API_PORT: '6001', SOCKET_CLUSTER: 'redis' };
  const found = problemsOf(() => socketConfig({ ...environment, SOCKET_REDIS_URL: 'localhost' }));
  expect(found.map((line) => line.split(':')[0])).toEqual(['SOCKET_REDIS_URL', 'SOCKET_HTTP_API']);
});

test('a setting that is undefined in code leaves the environment in force', () => {
  const settings = { failure: undefined, gateway: undefined } as unknown as SocketSettings;
  const config = socketConfig({ SOCKET_FAILURE: 'throw', SOCKET_DRAIN_MS: '1' }, settings);
  expect(config).toMatchObject({ failure: 'throw', gateway: { drainMs: 1 } });
});
