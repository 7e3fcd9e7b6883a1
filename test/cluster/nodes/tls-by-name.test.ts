import { jest } from '@jest/globals';
import { type RedisClientOptions, type SocketModuleOptions, SocketService } from 'nestjs-switchboard';
import { EventQueue } from '../../support/event-queue.js';
import { Host } from '../../support/host.js';
import { makeRedisCertificate, type RedisCertificate } from '../../support/redis-certificate.js';
import { type RedisCluster, startRedisCluster } from '../../support/redis-cluster.js';
import { startSentinelRedis } from '../../support/redis-sentinel.js';
import { until } from '../../support/redis-until.js';

jest.setTimeout(180_000);

const HELLO = { from: 'ada', text: 'hello' };

type Settings = Pick<SocketModuleOptions, 'redis' | 'redisOptions'>;

/** Two nodes on the cluster and the queue. Their cluster's prefix is the test's own. */
async function startTwo(settings: Settings): Promise<readonly [Host, Host]> {
  const options = { ...settings, cluster: 'redis', delivery: { mode: 'queue' } } as const;
  return Promise.all([Host.start(options), Host.start(options)]);
}

/** Fails unless both nodes say that all is well, and a relay of one reaches a member on the other, through the queue. */
async function expectUp([first, second]: readonly [Host, Host]): Promise<void> {
  for (const { nest } of [first, second]) {
    await until('the node is up', async () => (await nest.get(SocketService).health()).status === 'up');
  }
  const page = await second.browser('ada');
  const heard = new EventQueue<object>();
  page.onMember('MEMBER_MESSAGED', (payload) => {
    heard.push(payload);
  });
  const { status } = await first.nest.get(SocketService).relayToMember('ada', 'MEMBER_MESSAGED', HELLO);
  expect(status).toBe('queued');
  expect(await heard.next()).toEqual(HELLO);
}

/** The reason for which a node is not up. */
async function reasonNotUp(settings: Settings): Promise<string> {
  const { nest } = await Host.start({ ...settings, cluster: 'redis' });
  const service = nest.get(SocketService);
  let reason: string | undefined;
  await until('the node says why', async () => {
    ({ reason } = await service.health());
    return reason !== undefined && !reason.includes('not connected yet');
  });
  return reason ?? '';
}

describe('a Redis Cluster over TLS whose certificate is for a host name only', () => {
  let certificate: RedisCertificate;
  let redis: RedisCluster;
  let seed: string;
  const prefixed = (url: string, prefix: string, redisOptions?: RedisClientOptions): Settings => ({
    redis: { url, prefix },
    ...(redisOptions !== undefined && { redisOptions }),
  });

  beforeAll(async () => {
    certificate = await makeRedisCertificate('DNS:localhost', 'file');
    redis = await startRedisCluster({ until: 'file', certificate });
    seed = redis.urls[0] ?? '';
  });

  test('is up by its one address, for the cluster and for the queue', async () => {
    expect(seed).toMatch(/^rediss:\/\/localhost:\d+$/);
    await expectUp(await startTwo(prefixed(seed, 'one', { tls: { ca: certificate.ca } })));
  });

  test('is up by several of its addresses', async () => {
    const url = `rediss://${redis.nodes.map(({ port }) => `localhost:${port}`).join()}`;
    await expectUp(await startTwo(prefixed(url, 'several', { tls: { ca: certificate.ca } })));
  });

  test('is up without an authority, where the application says so', async () => {
    await expectUp(await startTwo(prefixed(seed, 'anyone', { tls: { rejectUnauthorized: false } })));
  });

  test('is up by a name that only the application can resolve', async () => {
    const url = `rediss://${redis.nodes.map(({ port }) => `cache.internal:${port}`).join()}`;
    const redisOptions: RedisClientOptions = {
      tls: { ca: certificate.ca, servername: 'localhost' },
      dnsLookup: (_hostname, callback) => {
        callback(null, 'localhost');
      },
    };
    await expectUp(await startTwo(prefixed(url, 'resolved', redisOptions)));
  });

  test('is up where its servers have other addresses for this process than those they announce', async () => {
    const asked = new Set<string>();
    const natMap = (announced: string) => {
      asked.add(announced);
      return { host: 'localhost', port: Number(announced.split(':').at(-1)) };
    };
    await expectUp(await startTwo(prefixed(seed, 'mapped', { tls: { ca: certificate.ca }, natMap })));
    const announced = redis.nodes.map(({ port }) => `127.0.0.1:${port}`);
    expect([...asked].sort()).toEqual(expect.arrayContaining(announced));
  });

  test('is refused, and health says why, where nobody vouches for the certificate', async () => {
    expect(await reasonNotUp(prefixed(seed, 'unknown'))).toMatch(/self-signed certificate/);
  });

  test('is refused, and health says why, by an address that the certificate is not for', async () => {
    const url = seed.replace('localhost', '127.0.0.1');
    const reason = await reasonNotUp(prefixed(url, 'stranger', { tls: { ca: certificate.ca } }));
    expect(reason).toMatch(/does not match certificate's altnames/);
  });
});

test('sentinels over TLS that announce a server by its address are up by the name of the certificate', async () => {
  const certificate = await makeRedisCertificate('DNS:localhost');
  const { sentinels, name } = await startSentinelRedis({ certificate });
  const url = `rediss-sentinel://${sentinels.map(({ port }) => `localhost:${port}`).join()}#${name}`;
  await expectUp(await startTwo({ redis: { url }, redisOptions: { tls: { ca: certificate.ca } } }));
});
