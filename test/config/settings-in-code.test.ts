import { socketConfig, type SocketSettings } from 'nestjs-switchboard';
import { problemsOf } from '../support/config-problems.js';

/** Settings as JavaScript may give them, whatever the types say. */
const problems = (settings: object) => problemsOf(() => socketConfig({}, settings));

const A_QUEUE = { mode: 'queue' };

test.each<[what: string, settings: object, line: string]>([
  ['a number', { pusher: { port: 0 } }, 'pusher.port: must be a whole number from 1 to 65535; it is 0'],
  [
    'a number written as a text',
    { gateway: { drainMs: '5' } },
    'gateway.drainMs: must be a whole number from 0 to 600000; it is "5"',
  ],
  [
    'a number that is none',
    { gateway: { limits: { channels: NaN } } },
    'gateway.limits.channels: must be a whole number from 0 to 2147483647; it is NaN',
  ],
  [
    'half a number',
    { maxEventBytes: 1.5 },
    'maxEventBytes: must be a whole number from 0 to 2147483647; it is 1.5',
  ],
  [
    'a yes written as a text',
    { httpApi: { enabled: 'true' } },
    'httpApi.enabled: must be one of: true, false; it is "true"',
  ],
  ['a choice', { failure: 'never' }, 'failure: must be one of: report, throw; it is "never"'],
  [
    'a list written as a text',
    { webhooks: { urls: 'https://a.example.com' } },
    'webhooks.urls: must be http or https URLs, separated by commas; it is "https://a.example.com"',
  ],
  [
    'an entry of a list',
    { gateway: { allowedOrigins: ['https://a.example.com', 'b'] } },
    'gateway.allowedOrigins: must be origins of pages like https://app.example.com, https://*.example.com, ' +
      'capacitor://localhost or null, without a path; an empty list allows any; ' +
      'it is ["https://a.example.com", "b"]',
  ],
  [
    'a text that is empty',
    { broadcastChannel: '' },
    'broadcastChannel: must be a channel name: it is empty; it is ""',
  ],
  [
    'null',
    { gateway: { clientEvents: null } },
    'gateway.clientEvents: must be true, false, or a comma-separated list of private- and presence- channels; ' +
      'it is null',
  ],
  [
    'two providers in one text',
    { provider: 'pusher,ws' },
    'provider: must be one of: ws, pusher, socket-io, memory; or two of ws, pusher and socket-io, the first of them first, ' +
      'like pusher,ws; it is "pusher,ws"',
  ],
])('%s is refused under its path in code', (_, settings, line) => {
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
    'app.secret: must be a text that is not empty; it is a value of the kind number',
  ]);
  expect(problems({ encryptionMasterKey: 'hunter2' })).toEqual([
    expect.stringMatching(/^encryptionMasterKey: .*; it is 7 characters$/),
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
