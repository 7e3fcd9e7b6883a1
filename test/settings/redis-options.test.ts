import { type RedisClientOptions, socketConfig, SocketConfigurationError } from 'nestjs-switchboard';

const redis = { url: 'rediss://cache.example.com' };

/** The problems of a configuration with these options. JavaScript may give anything. */
function problemsOf(redisOptions: unknown): readonly string[] {
  try {
    socketConfig({}, { redis }, { redisOptions: redisOptions as RedisClientOptions });
    return [];
  } catch (error) {
    if (error instanceof SocketConfigurationError) return error.problems;
    throw error;
  }
}

test('options that a URL cannot carry are part of the address of Redis', () => {
  const redisOptions: RedisClientOptions = {
    tls: { ca: 'a certificate' },
    family: 6,
    natMap: { '10.0.0.1:6379': { host: '127.0.0.1', port: 7_000 } },
    dnsLookup: (hostname, callback) => {
      callback(null, hostname);
    },
    sentinelUsername: 'ada',
    sentinelPassword: 'secret',
  };
  const { address } = socketConfig({}, { redis }, { redisOptions }).redis;
  expect(address).toMatchObject({ isTls: true, options: redisOptions });
  expect(socketConfig({}, { redis }).redis.address).not.toHaveProperty('options');
});

test('a map of addresses may be a function', () => {
  expect(problemsOf({ natMap: () => null })).toEqual([]);
});

test('options without an address of Redis are no problem: another environment may have one', () => {
  expect(socketConfig({}, {}, { redisOptions: { family: 6 } }).redis).not.toHaveProperty('address');
});

const REFUSED: [options: unknown, problem: string][] = [
  [7, 'redisOptions: must be an object of options'],
  [null, 'redisOptions: must be an object of options'],
  [{ tls: true }, 'redisOptions.tls: must be an object'],
  [{ family: 5 }, 'redisOptions.family: must be one of: 0, 4, 6'],
  [{ natMap: 'all' }, 'redisOptions.natMap: must be an object or a function'],
  [{ dnsLookup: {} }, 'redisOptions.dnsLookup: must be a function'],
  [{ sentinelUsername: '' }, 'redisOptions.sentinelUsername: must be a text that is not empty'],
  [{ sentinelPassword: 7 }, 'redisOptions.sentinelPassword: must be a text'],
];

test.each(REFUSED)('%j is refused, and the message has no value in it', (options, problem) => {
  expect(problemsOf(options)).toEqual([problem]);
});

test.each([
  'retryStrategy',
  'lazyConnect',
  'enableOfflineQueue',
  'keyPrefix',
  'host',
  'db',
  'tsl',
  'toString',
])('the option %s of ioredis is refused by name, because the package or the URL sets it', (name) => {
  expect(problemsOf({ [name]: 1, tls: {} })).toEqual([
    `redisOptions.${name}: is not one of: tls, family, natMap, dnsLookup, sentinelUsername, sentinelPassword; ` +
      'the others are set by this package, or by the URL',
  ]);
});

test('every problem is told at once, beside those of the settings', () => {
  expect(() =>
    socketConfig(
      { SOCKET_CLUSTER: 'many' },
      {},
      // @ts-expect-error JavaScript may give anything.
      { redisOptions: { family: 5, keyPrefix: 'mine' } },
    ),
  ).toThrow(/SOCKET_CLUSTER[^]*redisOptions\.family[^]*redisOptions\.keyPrefix/);
});
