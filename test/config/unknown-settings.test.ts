import {
  kinds,
  setting,
  type SocketAdapter,
  socketConfig,
  type SocketModuleOptions,
  type SocketModulePaths,
  type SocketSettings,
  withSettings,
} from 'nestjs-switchboard';
import { Registry } from 'prom-client';
import { problemsOf } from '../support/config-problems.js';

const acme: SocketAdapter = {
  name: 'acme',
  settings: {
    acme: { url: setting('ACME_URL', kinds.text), retry: { attempts: setting('ACME_TRIES', kinds.limit) } },
  },
  create: () => Promise.reject(new Error('never started')),
  clientOptions: () => ({}),
};

/** Settings as JavaScript may give them, whatever the types say. */
const problems = (settings: object, adapters: readonly SocketAdapter[] = []) =>
  problemsOf(() => socketConfig({}, settings, { adapters }));

/** Every option of the module that is no setting: the compiler misses one that is new. */
const OTHER_OPTIONS: Required<Omit<SocketModuleOptions & SocketModulePaths, keyof SocketSettings>> = {
  identify: () => null,
  onRelayError: () => undefined,
  metrics: new Registry(),
  adapters: [],
  env: {},
  redisOptions: {},
  path: 'socket',
  gatewayPath: '/ws',
};

const SECRET = 'hunter2';

test.each<[settings: object, line: string]>([
  [{ gatway: { clientEvents: true } }, 'gatway: is no setting; did you mean gateway?'],
  [{ providr: 'ws' }, 'providr: is no setting; did you mean provider?'],
  [{ app: { sekret: SECRET } }, 'app.sekret: is no setting; did you mean app.secret?'],
  [
    { gateway: { limits: { conections: 1 } } },
    'gateway.limits.conections: is no setting; did you mean gateway.limits.connections?',
  ],
  // Named as its variable is, SOCKET_MAX_CONNECTIONS.
  [
    { gateway: { limits: { maxConections: 1 } } },
    'gateway.limits.maxConections: is no setting; did you mean gateway.limits.connections?',
  ],
  // In another section than its own.
  [{ clientEvents: true }, 'clientEvents: is no setting; did you mean gateway.clientEvents?'],
  [{ gateway: { origins: [SECRET] } }, expect.stringMatching(/^gateway\.origins: is no setting; /) as string],
  [{ identfy: () => null }, 'identfy: is no setting; did you mean identify?'],
  [
    { httpApi: { somethingElseEntirely: SECRET } },
    'httpApi.somethingElseEntirely: is no setting; there are: enabled, port',
  ],
])(
  '%j is refused with the path of what is meant, or of what there is, and without the value',
  (settings, line) => {
    expect(problems(settings)).toEqual([line]);
    expect(problems(settings).join()).not.toContain(SECRET);
  },
);

test('every one is named, with all other problems', () => {
  expect(problems({ gatway: {}, delivery: { mod: 'queue' }, pusher: { port: 0 } })).toEqual([
    'gatway: is no setting; did you mean gateway?',
    'delivery.mod: is no setting; did you mean delivery.mode?',
    'pusher.port: must be a whole number from 1 to 65535; it is 0',
  ]);
});

test.each<[what: string, settings: object]>([
  ['without a value', { gatway: undefined, gateway: { nothing: undefined } }],
  ['that is an option of the module', OTHER_OPTIONS],
])('a name %s is not one of them', (_, settings) => {
  expect(problems(settings)).toEqual([]);
});

describe('the sections of an adapter from outside', () => {
  test('are known where it is', () => {
    const settings = { provider: 'acme', acme: { url: 'acme://x', retry: { attempts: 1 } } };
    expect(problems(settings, [acme])).toEqual([]);
    expect(problems(settings)).toContainEqual(expect.stringMatching(/^acme: is no setting; there are: /));
  });

  test('have no other names either, be they given in the options or with the adapter', () => {
    const lines = [
      'acme.retry.atempts: is no setting; did you mean acme.retry.attempts?',
      'acmee: is no setting; did you mean acme?',
    ];
    const misspelt = { acme: { retry: { atempts: 1 } }, acmee: {} };
    expect([...problems(misspelt, [acme])].sort()).toEqual(lines);
    expect([...problems({}, [withSettings(acme, misspelt)])].sort()).toEqual(lines);
  });
});

test('an option beside the settings that does not exist is refused', () => {
  const options = { adaptrs: [acme], logger: console };
  expect(problemsOf(() => socketConfig({}, {}, options))).toEqual([
    'options.adaptrs: is no option; did you mean adapters?',
  ]);
});
