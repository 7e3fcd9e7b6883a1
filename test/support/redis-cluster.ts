import { Cluster, type ClusterOptions } from 'ioredis';
import { likelyFreePort } from '../../scripts/redis-process.mjs';
import { LEAVE_AT_ONCE, RedisServer, standingArgs, type StartRedisOptions } from './redis.js';
import type { RedisCertificate } from './redis-certificate.js';
import { onTeardownOf } from './redis-teardown.js';
import { until as untilTrue } from './redis-until.js';

/** A Redis Cluster of three primaries. */
export interface RedisCluster {
  /** The slots from 0 to 5460, to 10922 and to 16383. Each can be stopped, and comes back as what it was. */
  readonly nodes: readonly [RedisServer, RedisServer, RedisServer];
  /** The replica of each of these, in the same order; none, unless they were asked for. */
  readonly replicas: readonly RedisServer[];
  /** The nodes' URLs; any of them leads to all. */
  readonly urls: readonly string[];
  /** A plain client of the cluster, disconnected at its teardown. */
  client(options?: Omit<ClusterOptions, 'redisOptions'>): Cluster;
  /** Resolves when every node says that the cluster is whole, as it is when it was started. */
  whole(): Promise<void>;
}

const SLOTS = [
  [0, 5460],
  [5461, 10922],
  [10923, 16383],
] as const;

const WHOLE = ['cluster_state:ok', 'cluster_slots_ok:16384'];

interface Node {
  readonly server: RedisServer;
  readonly busPort: number;
}

/** How to start one. */
export interface StartRedisClusterOptions extends StartRedisOptions {
  /** Makes all of it speak TLS only. @default undefined, nothing does */
  readonly certificate?: RedisCertificate;
  /** Whether every primary has a replica, which takes over when it dies. @default false */
  readonly hasReplicas?: boolean;
}

/** Starts a cluster and resolves when all of it is there, which takes some three seconds. */
export async function startRedisCluster({
  until = 'test',
  args = [],
  certificate,
  hasReplicas = false,
}: StartRedisClusterOptions = {}): Promise<RedisCluster> {
  const start = (): Promise<Node> => startNode(until, args, certificate);
  const started = await Promise.all([start(), start(), start()]);
  const copies = hasReplicas ? await Promise.all([start(), start(), start()]) : [];
  const everybody = [...started, ...copies];
  const nodes = [started[0].server, started[1].server, started[2].server] as const;
  for (const [index, [first, last]] of SLOTS.entries()) {
    await ask(started[index], 'SET-CONFIG-EPOCH', index + 1);
    await ask(started[index], 'ADDSLOTSRANGE', first, last);
    if (index > 0) await meet(started[index], started[0]);
  }
  for (const copy of copies) await meet(copy, started[0]);
  const urls = nodes.map(({ url }) => url);
  const cluster: RedisCluster = {
    nodes,
    replicas: copies.map(({ server }) => server),
    urls,
    client: (options = {}) => {
      const client = new Cluster([...urls], { ...options, redisOptions: LEAVE_AT_ONCE });
      client.on('error', () => undefined);
      onTeardownOf(until, () => {
        client.disconnect();
      });
      return client;
    },
    whole: () => untilTrue('the Redis Cluster is whole', () => isWhole(everybody)),
  };
  await cluster.whole();
  for (const [index, copy] of copies.entries()) await replicate(copy, started[index]);
  return cluster;
}

async function startNode(
  until: 'test' | 'file',
  args: readonly string[],
  certificate: RedisCertificate | undefined,
): Promise<Node> {
  let busPort = 0;
  const server = await RedisServer.start(
    {
      args: (port, folder) => {
        busPort = likelyFreePort();
        return [
          ...[...standingArgs(folder), '--cluster-port', String(busPort)],
          ...(certificate === undefined ? ['--port', String(port)] : certificate.args(port)),
          ...(certificate === undefined ? [] : ['--tls-cluster', 'yes']),
          ...['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'],
          ...['--cluster-node-timeout', '2000', '--cluster-announce-ip', '127.0.0.1'],
          ...['--repl-diskless-sync-delay', '0'],
          ...args,
        ];
      },
      url: (port) => (certificate === undefined ? `redis://127.0.0.1:${port}` : `rediss://localhost:${port}`),
      ...(certificate !== undefined && { client: { tls: { ca: certificate.ca } } }),
    },
    until,
  );
  return { server, busPort };
}

async function meet(node: Node | undefined, { server, busPort }: Node): Promise<void> {
  await ask(node, 'MEET', '127.0.0.1', server.port, busPort);
}

/** A server that has just met another one may not know it yet. */
async function replicate(copy: Node, primary: Node | undefined): Promise<void> {
  const id = await ask(primary, 'MYID');
  await untilTrue('a replica follows its primary', () =>
    ask(copy, 'REPLICATE', id).then(
      () => true,
      () => false,
    ),
  );
}

/** The state alone says too little: with `--cluster-require-full-coverage no` it is ok while slots are missing. */
async function isWhole(nodes: readonly Node[]): Promise<boolean> {
  const told = await Promise.all(nodes.map((node) => ask(node, 'INFO')));
  const signs = [...WHOLE, `cluster_known_nodes:${nodes.length}`];
  return told.every((info) => signs.every((sign) => info.includes(sign)));
}

async function ask(node: Node | undefined, ...args: (string | number)[]): Promise<string> {
  if (node === undefined) throw new Error('The cluster has three nodes.');
  const client = node.server.client({ maxRetriesPerRequest: 3 });
  try {
    return String(await client.call('CLUSTER', ...args));
  } finally {
    client.disconnect();
  }
}
