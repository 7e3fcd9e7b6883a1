import { type Environment, socketConfig } from 'nestjs-switchboard';
import { problemsOf } from '../support/config-problems.js';

const APP = { SOCKET_APP_ID: '1', SOCKET_APP_KEY: 'k', SOCKET_APP_SECRET: 'a-secret-of-its-own-here' };
const GIVEN = { ...APP, PUSHER_CLUSTER: 'eu' };
const problems = (environment: Environment) => problemsOf(() => socketConfig(environment));
const named = (lines: readonly string[]) => lines.map((line) => line.split(':')[0]);

describe('two providers', () => {
  test.each([
    ['pusher,ws', 'pusher', 'ws'],
    ['ws,pusher', 'ws', 'pusher'],
    [' ws , pusher ', 'ws', 'pusher'],
  ])('may be %j, the primary one first', (SOCKET_PROVIDER, provider, second) => {
    expect(socketConfig({ ...GIVEN, SOCKET_PROVIDER })).toMatchObject({
      provider,
      second: { provider: second, role: 'failover', recheckS: 30 },
    });
  });

  test('are given in code in the same order', () => {
    const config = socketConfig(GIVEN, { provider: ['ws', 'pusher'], second: { role: 'mirror' } });
    expect(config).toMatchObject({ provider: 'ws', second: { provider: 'pusher', role: 'mirror' } });
  });

  test.each(['pusher,ws', 'ws,pusher'])('need what pusher needs: %s', (SOCKET_PROVIDER) => {
    expect(named(problems({ SOCKET_PROVIDER }))).toEqual([...Object.keys(APP), 'PUSHER_CLUSTER']);
    const large = { ...GIVEN, SOCKET_PROVIDER, SOCKET_MAX_EVENT_BYTES: '10241' };
    expect(problems(large)).toEqual([expect.stringContaining('hosted Pusher takes at most 10240')]);
  });

  test.each(['pusher,ws', 'ws,pusher'])('have a secret of their own in production: %s', (SOCKET_PROVIDER) => {
    const { secret } = socketConfig({}).app;
    const found = problems({ ...GIVEN, SOCKET_PROVIDER, NODE_ENV: 'production', SOCKET_APP_SECRET: secret });
    expect(found).toEqual([expect.stringContaining('the development secret is public knowledge')]);
  });

  test('need a breaker where the secondary takes over, and none where it mirrors', () => {
    const given = { ...GIVEN, SOCKET_PROVIDER: 'pusher,ws', SOCKET_BREAKER_FAILURES: '0' };
    expect(named(problems(given))).toEqual(['SOCKET_BREAKER_FAILURES']);
    expect(problems({ ...given, SOCKET_SECOND_ROLE: 'mirror' })).toEqual([]);
    expect(problems({ ...given, SOCKET_PROVIDER: 'pusher' })).toEqual([]);
  });
});

test.each([
  [{}, 'ws'],
  [{ SOCKET_PROVIDER: 'memory' }, 'memory'],
  [{ ...GIVEN, SOCKET_PROVIDER: 'pusher' }, 'pusher'],
])('one provider has no secondary that could have a role: %j', (given, provider) => {
  expect(problems({ ...given, SOCKET_SECOND_ROLE: 'mirror' })).toEqual([
    `SOCKET_SECOND_ROLE: has no effect with one provider; SOCKET_PROVIDER is "${provider}"`,
  ]);
  expect(socketConfig(given)).not.toHaveProperty('second');
});
