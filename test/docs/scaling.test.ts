import 'reflect-metadata';
import { readdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { type INestApplication, Logger, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type ISocketClient,
  SOCKET_CLIENT,
  socketConfig,
  SocketModule,
  SocketService,
} from 'nestjs-switchboard';
import { connect, type SwitchboardSocket } from 'nestjs-switchboard/browser';
import { BUS_VERSION } from '../../src/cluster/redis/bus-message.js';
import { ANSWER_TIMEOUT_MS } from '../../src/cluster/redis/connection/redis-connection.js';
import { RedisKeys } from '../../src/cluster/redis/connection/redis-keys.js';
import { LEASE_MS } from '../../src/cluster/redis/leases.js';
import { CACHE_TTL_MS } from '../../src/ports/cluster.js';
import { redisAddress } from '../../src/settings/redis-address.js';
import { REDIS_OPTIONS } from '../../src/settings/redis-options.js';
import { Api } from '../support/cluster/api.js';
import { Pusher, subscribed } from '../support/pusher-browser.js';
import { hearing } from '../support/pusher-events.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { startRedisCluster } from '../support/redis-cluster.js';
import { startProtectedRedis } from '../support/redis-protected.js';
import { startTlsRedis } from '../support/redis-tls.js';
import { until } from '../support/redis-until.js';
import { startReferenceBackend } from '../support/reference-backend.js';
import { onTeardown } from '../support/teardown.js';
import { readPage, ROOT, usePage } from './support/page.js';

const page = usePage('docs/scaling.md');
const { gateway } = socketConfig({});

Logger.overrideLogger(false);

let redis: RedisServer;
let AppModule: Type;

beforeAll(async () => {
  redis = await startRedis({ until: 'file' });
  process.env['REDIS_URL'] = redis.url;
  ({ AppModule } = await page.run<{ AppModule: Type }>('app.module.ts').finally(() => {
    delete process.env['REDIS_URL'];
  }));
});

async function start(module: Type): Promise<{ app: INestApplication; url: string; port: number }> {
  const app = await NestFactory.create(module, { logger: false });
  onTeardown(() => app.close());
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  return { app, port, url: `http://127.0.0.1:${String(port)}` };
}

async function browser(url: string, id: string): Promise<SwitchboardSocket<Pusher>> {
  const socket = await connect(Pusher, { url, headers: { Authorization: `Bearer ${id}` } });
  onTeardown(() => {
    socket.disconnect();
  });
  return socket;
}

describe('two applications of the page on one Redis', () => {
  test('are one: rosters, relays and who is online', async () => {
    const [one, two] = await Promise.all([start(AppModule), start(AppModule)]);
    const [ada, alan] = await Promise.all([browser(one.url, 'ada'), browser(two.url, 'alan')]);
    await subscribed(ada.channel('presence-room'));
    const came = hearing(ada.channel('presence-room'), 'pusher:member_added');
    await subscribed(alan.channel('presence-room'));
    expect(await came.next()).toMatchObject({ data: { id: 'alan', info: { name: 'alan' } } });
    const heard = hearing(alan.pusher.user, 'MEMBER_MESSAGED');
    const service = one.app.get(SocketService);
    expect(
      await service.relayToMember('alan', 'MEMBER_MESSAGED', { from: 'ada', text: 'hello' }),
    ).toMatchObject({ status: 'sent' });
    expect(await heard.next()).toMatchObject({ data: { from: 'ada', text: 'hello' } });
    expect(await service.onlineMembers(['ada', 'alan', 'grace'])).toEqual(new Set(['ada', 'alan']));
  });

  test('are published through by a process without a port', async () => {
    const [one, two] = await Promise.all([start(AppModule), start(AppModule)]);
    const [ada, alan, grace] = await Promise.all([
      browser(one.url, 'ada'),
      browser(two.url, 'alan'),
      browser(two.url, 'grace'),
    ]);
    const report = hearing(ada.pusher.user, 'REPORT_READY');
    const announced = hearing(grace.channel('broadcast'), 'MAINTENANCE_OVER');
    const gone = new Promise((resolve) => alan.pusher.connection.bind('disconnected', resolve));
    const { nightly } = await page.run<{ nightly: () => Promise<object> }>('nightly.ts');
    const [sent, online] = ['sent', new Set(['ada', 'grace'])];
    expect(await nightly()).toEqual({ report: sent, announced: sent, expired: sent, online });
    expect(await report.next()).toMatchObject({ data: { month: '2026-01' } });
    await announced.next();
    await gone;
  });

  test('tell each other of an event in the very words of the page', async () => {
    const { app } = await start(AppModule);
    const [shown = ''] = /^\{ "v":.*$/m.exec(page.text) ?? [];
    const { n: _, ...fields } = JSON.parse(shown) as Record<string, unknown>;
    const listener = redis.client();
    const heard = new Promise<string>((resolve) => {
      listener.on('message', (_channel: string, text: string) => {
        resolve(text);
      });
    });
    await listener.subscribe(new RedisKeys('shop').bus('private-orders.7'));
    // The port, because the event is not one of this project's own.
    const client = app.get<ISocketClient>(SOCKET_CLIENT);
    await client.relayToChannel('private-orders.7', 'ORDER_SHIPPED', { orderId: '7' });
    expect(JSON.parse(await heard)).toEqual({ ...fields, n: (await app.get(SocketService).health()).node });
    expect(page.text).toContain(`skipped. It is ${BUS_VERSION} now`);
  });
});

test('the settings are the same in code as in the environment', () => {
  const [, text = ''] = /```sh\n(SOCKET_CLUSTER=[\s\S]*?)```/.exec(page.text) ?? [];
  const { cluster, redis: given } = socketConfig(parseEnv(text));
  expect({ cluster, redis: given }).toEqual({
    cluster: 'redis',
    redis: { address: redisAddress('redis://localhost:6379'), prefix: 'shop' },
  });
});

test('every form of the URL is taken, and read', () => {
  const urls = [...page.text.matchAll(/^\| `(rediss?[^`…]*)` /gm)].map(([, url = '']) => url);
  expect(urls).toHaveLength(5);
  for (const url of urls) {
    socketConfig({ SOCKET_CLUSTER: 'redis', SOCKET_REDIS_URL: url });
    expect(redisAddress(url)?.hosts.map(({ host }) => host)).not.toContain('');
  }
});

test('an authority of the application’s own is given in code, and Redis is up', async () => {
  const { server, caFile } = await startTlsRedis();
  const given = { REDIS_CA_FILE: caFile, SOCKET_REDIS_URL: server.url };
  onTeardown(() => {
    for (const name of Object.keys(given)) Reflect.deleteProperty(process.env, name);
  });
  Object.assign(process.env, given);
  const { AppModule: TlsModule } = await page.run<{ AppModule: Type }>('redis-tls.module.ts');
  const { app } = await start(TlsModule);
  await until('Redis is up', async () => (await app.get(SocketService).health()).status === 'up');
});

test('every option that a URL cannot carry is in the table', () => {
  const [, table = ''] = /### What a URL cannot carry([\s\S]*?)All other options/.exec(page.text) ?? [];
  const listed = [...table.matchAll(/^\| (`.*?`) +\|/gm)].flatMap(
    ([, names = '']) => names.match(/\w+/g) ?? [],
  );
  expect(listed.sort()).toEqual([...REDIS_OPTIONS].sort());
});

test('a load balancer of the page waits longer than a silent connection may take', () => {
  const waits = [...page.text.matchAll(/(?:proxy_read_timeout|timeout (?:client|server|tunnel)) +(\d+)s/g)];
  expect(page.text).toContain(`\`SOCKET_ACTIVITY_TIMEOUT_S\`, ${gateway.activityTimeoutS} seconds`);
  expect(waits).toHaveLength(2);
  for (const [, seconds] of waits) expect(Number(seconds)).toBeGreaterThan(gateway.activityTimeoutS + 15);
});

test('health is as the page shows it while Redis is away', async () => {
  const own = await startRedis();
  const backend = await startReferenceBackend({ SOCKET_CLUSTER: 'redis', SOCKET_REDIS_URL: own.url });
  onTeardown(() => backend.close());
  const socket = await connect(Pusher, { url: backend.url, headers: await backend.signIn('ada') });
  onTeardown(() => {
    socket.disconnect();
  });
  const heard = hearing(socket.channel('broadcast'), 'ANNOUNCED');
  const service = backend.app.get(SocketService);
  expect((await service.broadcast('ANNOUNCED', { message: 'hello' })).status).toBe('sent');
  await heard.next();
  await own.stop();
  const health = () => backend.call('GET', '/health');
  await until('the node has noticed', async () => /degraded/.test(JSON.stringify((await health()).body)));
  expect(await service.broadcast('ANNOUNCED', { message: 'hello' })).toMatchObject({
    status: 'failed',
    error: { code: 'PROVIDER_UNAVAILABLE', retryable: true, lost: ['broadcast'] },
  });
  await heard.next();
  expect(await service.onlineMembers(['ada'])).toBeUndefined();

  const [, shown = ''] = /```json\n([\s\S]*?)```/.exec(page.text) ?? [];
  const { node, ...fields } = JSON.parse(shown) as Record<string, unknown>;
  const { status, body } = await health();
  expect(status).toBe(200);
  expect(Object.keys(body as object)).toEqual(Object.keys(JSON.parse(shown) as object));
  expect(body).toEqual({
    ...fields,
    node: expect.stringMatching(/^\w{8}$/) as string,
    reason: expect.stringMatching(/^Redis cannot be reached: \S/) as string,
  });
  expect(node).toMatch(/^\w{8}$/);
});

describe('the data in Redis', () => {
  const prefix = '<prefix>';
  const keys = new RedisKeys(prefix);

  /** Each key of the page's table, with its type. */
  function shownKeys(): [string, string][] {
    const rows = page.text.matchAll(/^\| `(<prefix>:[^`]+)` +\| (hash|set|sorted set|string) /gm);
    return [...rows].map(([, key = '', type = '']) => [key, type === 'sorted set' ? 'zset' : type]);
  }

  test('the page has every key there is', () => {
    const ofAll = Object.entries(keys).flatMap(([name, key]) => (name === 'users' ? [] : [String(key)]));
    expect(shownKeys().map(([key]) => key)).toEqual(
      expect.arrayContaining([
        keys.bus('<channel>'),
        keys.cache('<channel>'),
        keys.channelsOf('<node>'),
        ...ofAll,
      ]),
    );
    expect(page.text).toContain(`\`${keys.bus('<channel>')}\` `);
    expect(page.text).toContain(`\`${keys.status('#server-to-user-<id>')}\` `);
    expect(page.text).toContain(`${CACHE_TTL_MS / 60_000} minutes have passed`);
  });

  test('a user with the rights of the page is all it takes, and what is there is as the page says', async () => {
    const protectedRedis = await startProtectedRedis({ rules: rulesShown() });
    const seen = await exercise(protectedRedis.userUrl, async () => {
      const client = protectedRedis.server.client();
      const names = await client.keys('*');
      return Promise.all(names.map(async (name) => [name, await client.type(name)] as const));
    });
    const client = protectedRedis.server.client();
    expect(await client.call('ACL', 'LOG')).toEqual([]);
    const types = new Map(shownKeys());
    expect(seen).not.toHaveLength(0);
    for (const [name, type] of seen) {
      const shown = name
        .replace(/^switchboard/, '<prefix>')
        .replace(/\w{8}\.1$/, '<node>')
        .replace(/\{[^}#]*\}|\{#server[^}]*\}/, '{<channel>}');
      expect([shown, type]).toEqual([shown, types.get(shown)]);
    }
    const left = await client.keys('*');
    expect(left.filter((name) => !/:reply:|:waiting$/.test(name))).toEqual([
      'switchboard:{cache-news}:cache',
    ]);
  });

  test('the same user with what a Redis Cluster takes besides is all it takes there', async () => {
    const user = ['--user', 'switchboard', 'on', '>a-long-password'];
    const cluster = await startRedisCluster({ args: [...user, ...rulesShown(), ...clusterRulesShown()] });
    const [url = ''] = cluster.urls;
    await exercise(url.replace('//', '//switchboard:a-long-password@'), async () => []);
    for (const server of cluster.nodes) expect(await server.client().call('ACL', 'LOG')).toEqual([]);
  });

  test('the rights of the page are exactly the commands that the sources have', () => {
    // How it connects, and runs scripts, is not among them.
    const sources = readdirSync(join(ROOT, 'src/cluster/redis'), { encoding: 'utf8', recursive: true })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('redis-connection.ts'))
      .map((name) => readPage(`src/cluster/redis/${name}`))
      .join('\n');
    const inScripts = [...sources.matchAll(/redis\.call\((.*)/g)].flatMap(([, call = '']) =>
      [...call.matchAll(/'([A-Z]{2,})'/g)].map(([, name = '']) => name.toLowerCase()),
    );
    const direct = [...sources.matchAll(/\bclient\.(\w+)\(/g)].map(([, name = '']) => name);
    const ofConnections = [
      'info',
      'ping',
      'script|load',
      'eval',
      'evalsha',
      'publish',
      'subscribe',
      'unsubscribe',
    ];
    const ofClusters = ['ssubscribe', 'sunsubscribe', 'cluster|slots', 'cluster|info', 'client|setname'];
    const used = new Set([...inScripts, ...direct, ...ofConnections, ...ofClusters]);
    // Words that stand where a command stands and are none: options of ZADD, SET, ZRANGE and PUBSUB.
    for (const option of ['xx', 'nx', 'px', 'withscores', 'numsub', 'shardnumsub']) used.delete(option);
    const allowed = [...rulesShown(), ...clusterRulesShown()].flatMap(
      (rule) => /^\+(.*)/.exec(rule)?.[1] ?? [],
    );
    expect(allowed.sort()).toEqual([...used].sort());
  });
});

test('the numbers of the page hold', () => {
  const text = page.text.replace(/\s+/g, ' ');
  const renewalMs = constant('leases', 'RENEWAL_MS');
  const firstMs = constant('connection/redis-link', 'FIRST_RETRY_MS');
  const s = (milliseconds: number) => milliseconds / 1_000;
  for (const sentence of [
    `is good for ${s(LEASE_MS)} seconds and renewed every ${s(renewalMs)}`,
    `not answered within ${s(ANSWER_TIMEOUT_MS)} seconds`,
    `after ${s(ANSWER_TIMEOUT_MS)} seconds without an answer`,
    `after ${s(firstMs)} to ${s(2 * firstMs)} seconds, then after twice as long each time, and at most three quarters of a second;`,
    `After ${s(LEASE_MS - renewalMs)} to ${s(LEASE_MS + renewalMs)} seconds another node clears up`,
    `restores ${constant('channels/channel-syncs', 'RESTORE_CONCURRENCY')} channels at a time`,
    `after ${s(constant('channels/recovery-window', 'SHORTEST_MS'))} to ${s(LEASE_MS)} seconds; a subscription that comes in between is answered then, or after ${s(constant('channels/channel-sync', 'ANSWER_LATE_MS'))} seconds`,
    `with one script every ${s(renewalMs)} seconds`,
  ]) {
    expect(text).toContain(sentence);
  }
  expect(1.5 * constant('connection/redis-link', 'LAST_RETRY_MS')).toBe(750);
  expect(constant('channels/step-loop', 'FIRST_RETRY_MS')).toBe(250);
  expect(2 * constant('channels/step-loop', 'LAST_RETRY_MS')).toBe(16_000);
  expect(readPage('src/cluster/redis/connection/redis-link.ts')).toContain(
    'MAX_UNANSWERED = 64 * 1_024 * 1_024',
  );
});

/** A constant that only its own file knows. */
function constant(file: string, name: string): number {
  const source = readPage(`src/cluster/redis/${file}.ts`);
  const value = Number(new RegExp(`const ${name} = ([\\d_]+);`).exec(source)?.[1]?.replaceAll('_', ''));
  expect(value).toBeGreaterThan(0);
  return value;
}

/** The rights of the page's user, as it shows them. */
function rulesShown(): string[] {
  return /^user switchboard on >\S+ (.*)$/m.exec(page.text)?.[1]?.split(' ') ?? [];
}

/** The commands that a Redis Cluster takes besides. */
function clusterRulesShown(): string[] {
  return /^`(\+spublish [^`]*)`/m.exec(page.text)?.[1]?.split(' ') ?? [];
}

/** Two nodes do all that nodes do, and are closed. Resolves with what was looked at in between. */
async function exercise<T>(url: string, look: () => Promise<T>): Promise<T> {
  @Module({
    imports: [
      SocketModule.forRoot({
        env: {},
        identify: ({ headers: { authorization = '' } }) => ({
          id: authorization.replace('Bearer ', ''),
          watchlist: ['ada', 'alan'],
        }),
        cluster: 'redis',
        redis: { url },
        httpApi: { enabled: true },
        gateway: { subscriptionCount: true },
      }),
    ],
    providers: [(await page.run<{ RoomChannel: Type }>('room.channel.ts')).RoomChannel],
  })
  class NodeModule {}

  const [one, two] = [await start(NodeModule), await start(NodeModule)];
  const [ada, alan] = await Promise.all([browser(one.url, 'ada'), browser(two.url, 'alan')]);
  for (const channel of ['presence-room', 'cache-news', 'news']) {
    await subscribed(ada.channel(channel));
    await subscribed(alan.channel(channel));
  }
  const [service, other] = [one.app.get(SocketService), two.app.get(SocketService)];
  const heard = hearing(alan.channel('cache-news'), 'ANNOUNCED');
  expect((await service.relayToChannel('cache-news', 'ANNOUNCED', { message: 'hello' })).status).toBe('sent');
  await heard.next();
  expect(await other.onlineMembers(['ada', 'alan'])).toEqual(new Set(['ada', 'alan']));
  expect(await new Api(two).roster('presence-room')).toEqual(['ada', 'alan']);
  expect(await new Api(two).occupied()).toEqual(['broadcast', 'cache-news', 'news', 'presence-room']);
  const left = hearing(ada.channel('presence-room'), 'pusher:member_removed');
  alan.channel('presence-room').unsubscribe();
  await left.next();
  const seen = await look();
  const gone = new Promise((resolve) => ada.pusher.connection.bind('disconnected', resolve));
  expect((await other.disconnectMember('ada')).status).toBe('sent');
  await gone;
  await two.app.close();
  await one.app.close();
  return seen;
}
