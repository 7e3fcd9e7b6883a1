import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ChaosProxy } from '../../chaos-proxy.js';
import { type RedisServer, startRedis } from '../../redis.js';
import { startRedisCluster } from '../../redis-cluster.js';
import { startSentinelRedis } from '../../redis-sentinel.js';
import { until } from '../../redis-until.js';
import type { RedisKind } from './story.js';

const ROLE_MS = 1_000;

/** A Redis whose replicas can be left behind, and can take over. Gone after the test. */
export interface RedisSite {
  /** Nodes know it by this. */
  readonly url: string;
  /** The servers that have the data: one, or of a Redis Cluster one for each shard. Waits until that is clear. */
  primaries(): Promise<readonly RedisServer[]>;
  /** A primary dies, and its replica takes its place with what it has. The former primary is the replica then. */
  promote(primary: RedisServer): Promise<void>;
}

/** Starts one. */
export function startRedisSite(kind: RedisKind): Promise<RedisSite> {
  return { address: startWithAddress, sentinels: startWithSentinels, cluster: startCluster }[kind]();
}

/** From now on nothing that is written to a primary reaches its replica. It ends when the server is started again. */
export async function leaveBehind(primary: RedisServer): Promise<void> {
  await inStep(primary);
  const admin = primary.client();
  await admin.call('ACL', 'SETUSER', 'default', '-psync', '-sync');
  await admin.call('CLIENT', 'KILL', 'TYPE', 'replica');
  admin.disconnect();
}

/** Where a server keeps what `SAVE` writes, and finds it when it starts. */
export const dumpOf = (server: RedisServer): string => join(server.folder, 'dump.rdb');

/** Starts a server again, without anything that it had saved. */
export async function restartEmpty(server: RedisServer): Promise<void> {
  await server.stop();
  await rm(dumpOf(server), { force: true });
  await server.restart();
}

/** Two servers behind one address, which leads to whichever is the primary. */
async function startWithAddress(): Promise<RedisSite> {
  const args = ['--repl-diskless-sync-delay', '0'];
  let [primary, replica] = [await startRedis({ args }), await startRedis({ args })];
  const front = await ChaosProxy.before(primary.port);
  await follow(replica, primary);
  return {
    url: `redis://127.0.0.1:${front.port}`,
    primaries: () => Promise.resolve([primary]),
    promote: async () => {
      [primary, replica] = [replica, primary];
      await replica.stop();
      front.refuse();
      front.cut();
      await command(primary, 'REPLICAOF', 'NO', 'ONE');
      front.leadTo(primary.port);
      front.refuse(false);
      await restartEmpty(replica);
      await follow(replica, primary);
    },
  };
}

async function startWithSentinels(): Promise<RedisSite> {
  const redis = await startSentinelRedis();
  const both: Pair = [redis.primary, redis.replica];
  return {
    url: `redis-sentinel://${redis.addresses.map(({ port }) => `127.0.0.1:${port}`).join(',')}#${redis.name}`,
    primaries: async () => [await primaryOf(both)],
    promote: async (former) => {
      await former.stop();
      await redis.replaced(former);
      // The sentinels make a replica of it.
      await restartEmpty(former);
      await inStep(await primaryOf(both));
    },
  };
}

async function startCluster(): Promise<RedisSite> {
  const redis = await startRedisCluster({ hasReplicas: true });
  const pairs = redis.nodes.map((node, shard): Pair => [node, redis.replicas[shard] ?? node]);
  return {
    url: redis.urls[0] ?? '',
    primaries: () => Promise.all(pairs.map(primaryOf)),
    promote: async (former) => {
      const pair = pairs.find((each) => each.includes(former));
      if (pair === undefined) throw new Error('This is no server of the Redis Cluster.');
      await former.stop();
      await primaryOf(pair);
      await restartEmpty(former);
      await redis.whole();
      await inStep(await primaryOf(pair));
    },
  };
}

/** Two servers, of which one is the primary, or soon will be. */
type Pair = readonly [RedisServer, RedisServer];

/** A primary that stood still is replaced, and one that was replaced does not know it at once. */
async function primaryOf(pair: Pair): Promise<RedisServer> {
  let primary: RedisServer | undefined;
  await until('one of two servers is the primary', async () => {
    const roles = await Promise.all(pair.map(roleOf));
    const found = pair.filter((_, index) => roles[index] === 'master');
    primary = found.length === 1 ? found[0] : undefined;
    return primary !== undefined;
  });
  if (primary === undefined) throw new Error('There is no primary.');
  return primary;
}

/** None of a server that does not answer. */
async function roleOf(server: RedisServer): Promise<string | undefined> {
  const client = server.client({ lazyConnect: true, retryStrategy: () => null, commandTimeout: ROLE_MS });
  try {
    await client.connect();
    const [role] = (await client.call('ROLE')) as [string];
    return role;
  } catch {
    return undefined;
  } finally {
    client.disconnect();
  }
}

async function follow(replica: RedisServer, primary: RedisServer): Promise<void> {
  await command(replica, 'REPLICAOF', '127.0.0.1', primary.port);
  await inStep(primary);
}

/** Resolves when a replica has everything that was written so far. */
function inStep(primary: RedisServer): Promise<void> {
  return until('a replica has everything', async () => (await command(primary, 'WAIT', 1, 1_000)) === 1);
}

/** One command on a connection of its own, so that none is open when the server dies. */
async function command(server: RedisServer, name: string, ...args: (string | number)[]): Promise<unknown> {
  const client = server.client();
  try {
    return await client.call(name, ...args);
  } finally {
    client.disconnect();
  }
}
