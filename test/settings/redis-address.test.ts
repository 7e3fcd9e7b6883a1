import { socketConfig } from '../../src/config/socket-config.js';
import type { RedisAddress } from '../../src/ports/socket-config.js';
import { redisAddress } from '../../src/settings/redis-address.js';

const PLAIN: RedisAddress = {
  hosts: [{ host: 'localhost', port: 6_379 }],
  username: undefined,
  password: undefined,
  database: 0,
  isTls: false,
  isCluster: false,
  primary: undefined,
};

const hosts = (...names: [host: string, port: number][]) => names.map(([host, port]) => ({ host, port }));
const check = (url: string) =>
  socketConfig({}, { provider: 'ws', cluster: 'redis', redis: { url } }).redis.address;

const URLS: [url: string, address: Partial<RedisAddress>][] = [
  ['redis://localhost', {}],
  ['redis://localhost:6380', { hosts: hosts(['localhost', 6_380]) }],
  ['redis://localhost:6379/15', { database: 15 }],
  ['rediss://cache.example.com', { hosts: hosts(['cache.example.com', 6_379]), isTls: true }],
  ['redis://:secret@localhost', { password: 'secret' }],
  ['redis://ada@localhost', { username: 'ada' }],
  ['redis://ada:secret@localhost/2', { username: 'ada', password: 'secret', database: 2 }],
  ['redis://ada:a:b@localhost', { username: 'ada', password: 'a:b' }],
  ['redis://a%40b:p%3A%2F%23%3F%40%25%20%C3%A9@localhost', { username: 'a@b', password: 'p:/#?@% é' }],
  ['redis://[::1]', { hosts: hosts(['::1', 6_379]) }],
  [
    'rediss://:p@[2001:db8::7]:6380/1',
    { hosts: hosts(['2001:db8::7', 6_380]), password: 'p', database: 1, isTls: true },
  ],
  ['redis://one:1,two,[::3]:3', { hosts: hosts(['one', 1], ['two', 6_379], ['::3', 3]), isCluster: true }],
  ['redis-sentinel://one#main', { hosts: hosts(['one', 26_379]), primary: 'main' }],
  [
    'rediss-sentinel://:p%23@one:1,[::2]:2,three/4#my-main',
    {
      hosts: hosts(['one', 1], ['::2', 2], ['three', 26_379]),
      password: 'p#',
      database: 4,
      isTls: true,
      primary: 'my-main',
    },
  ],
];

test.each(URLS)('%s is read, and is what the configuration takes', (url, address) => {
  expect(redisAddress(url)).toEqual({ ...PLAIN, ...address });
  expect(check(url)).toEqual({ ...PLAIN, ...address });
});

const NONSENSE = [
  'http://:geheim@localhost',
  'redis://',
  'redis://:geheim@',
  'redis://:geheim@/0',
  'redis-sentinel://:geheim@one:1',
  'redis://:geheim@localhost/zero',
  'redis://:geheim@localhost/1/2',
  'redis://:geheim@localhost?db=2',
  'redis://:geheim@localhost:port',
  'redis://:geheim@localhost:99999',
  'redis://:geheim@::1',
  'redis://:geheim@one,,two',
  'redis://:geheim%@localhost',
  'redis://:geheim@localhost#main',
  'redis://:geheim@one,two/3',
];

test.each(NONSENSE)('%s is refused with the configuration, at the start and without its password', (url) => {
  const message = messageOf(() => check(url));
  expect(message).toContain('redis.url');
  expect(message).not.toContain('geheim');
});

test.each(['redis://localhost/', 'redis://:p@localhost:6379/'])(
  '%s, with a slash at the end as other tools write it, is database 0',
  (url) => {
    expect(check(url)).toEqual(redisAddress(url));
    expect(redisAddress(url)?.database).toBe(0);
  },
);

function messageOf(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('Nothing was refused');
}
