import { type Environment, kinds, setting, type SocketAdapter, socketConfig } from 'nestjs-switchboard';

const acme: SocketAdapter = {
  name: 'acme',
  settings: { acme: { url: setting('SOCKET_ACME_URL', kinds.text) } },
  create: () => Promise.reject(new Error('never started')),
  clientOptions: () => ({}),
};

/** The warnings of a configuration, whether or not it is refused. */
function warnings(env: Environment, adapters: readonly SocketAdapter[] = []): string[] {
  const lines: string[] = [];
  try {
    socketConfig(env, {}, { adapters, logger: { warn: (line) => lines.push(line) } });
  } catch {
    // The warnings come before the refusal.
  }
  return lines;
}

const NO_EFFECT = 'These variables have no effect: ';

test.each<[variable: string, said: string]>([
  ['SOCKET_PROVIDR', 'SOCKET_PROVIDR (did you mean SOCKET_PROVIDER?)'],
  ['SOCKET_ALLOWED_ORIGIN', 'SOCKET_ALLOWED_ORIGIN (did you mean SOCKET_ALLOWED_ORIGINS?)'],
  ['SOCKET_RETRY_DEADLINE', 'SOCKET_RETRY_DEADLINE (did you mean SOCKET_RETRY_DEADLINE_MS?)'],
  ['PUSHER_CLUSTR', 'PUSHER_CLUSTR (did you mean PUSHER_CLUSTER?)'],
  ['PUSHER_APP_ID', 'PUSHER_APP_ID (its name here is SOCKET_APP_ID)'],
  ['PUSHER_KEY', 'PUSHER_KEY (its name here is SOCKET_APP_KEY)'],
  ['PUSHER_APP_KEY', 'PUSHER_APP_KEY (its name here is SOCKET_APP_KEY)'],
  ['PUSHER_SECRET', 'PUSHER_SECRET (its name here is SOCKET_APP_SECRET)'],
  ['PUSHER_APP_CLUSTER', 'PUSHER_APP_CLUSTER (its name here is PUSHER_CLUSTER)'],
  ['SOCKET_SOMETHING_ELSE_ENTIRELY', 'SOCKET_SOMETHING_ELSE_ENTIRELY'],
])('%s is named, with the name that is most likely meant and never with its value', (variable, said) => {
  expect(warnings({ [variable]: 'hunter2' })).toEqual([NO_EFFECT + said]);
});

test('all of them are in one line, in the order of the alphabet', () => {
  expect(warnings({ SOCKET_X: '1', PUSHER_SECRET: '2', SOCKET_PROVIDR: '3', SOCKET_PROVIDER: 'ws' })).toEqual(
    [
      `${NO_EFFECT}PUSHER_SECRET (its name here is SOCKET_APP_SECRET), ` +
        'SOCKET_PROVIDR (did you mean SOCKET_PROVIDER?), SOCKET_X',
    ],
  );
});

test('they are named before the configuration is refused, which a misspelt name often causes', () => {
  expect(warnings({ NODE_ENV: 'production', SOCKET_PROVIDR: 'ws' })).toEqual([
    `${NO_EFFECT}SOCKET_PROVIDR (did you mean SOCKET_PROVIDER?)`,
  ]);
});

test.each<[what: string, env: Environment]>([
  [
    'variables of others',
    { PATH: '/bin', SOCKETS: '1', PUSHER: '2', SOCKETIO_PORT: '3', MY_SOCKET_PORT: '4' },
  ],
  ['what has no value', { SOCKET_PROVIDR: '', SOCKET_X: undefined }],
  ['another product of Pusher', { PUSHER_BEAMS_INSTANCE_ID: 'x' }],
  [
    'what somebody else reads, beside ours',
    { PUSHER_KEY: 'k', SOCKET_APP_KEY: 'k', PUSHER_APP_CLUSTER: 'eu', PUSHER_CLUSTER: 'eu' },
  ],
])('nothing is said of %s', (_, env) => {
  expect(warnings(env)).toEqual([]);
});

test("an adapter's variables are known where the adapter is", () => {
  expect(warnings({ SOCKET_ACME_URL: 'x' }, [acme])).toEqual([]);
  expect(warnings({ SOCKET_ACME_URL: 'x' })).toEqual([`${NO_EFFECT}SOCKET_ACME_URL`]);
  expect(warnings({ SOCKET_ACME_URI: 'x' }, [acme])).toEqual([
    `${NO_EFFECT}SOCKET_ACME_URI (did you mean SOCKET_ACME_URL?)`,
  ]);
});
