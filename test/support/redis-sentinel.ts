import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import {
  type ClientOptions,
  LEAVE_AT_ONCE,
  type RedisLaunch,
  RedisServer,
  standingArgs,
  type StartRedisOptions,
} from './redis.js';
import type { RedisCertificate } from './redis-certificate.js';
import { type Lifetime, onTeardownOf } from './redis-teardown.js';
import { until as untilTrue } from './redis-until.js';

/** A primary and a replica, watched by sentinels. */
export interface SentinelRedis {
  /** The name the sentinels know the primary by. */
  readonly name: string;
  /** The one that was started as the primary. */
  readonly primary: RedisServer;
  /** The one that was started as its replica. */
  readonly replica: RedisServer;
  readonly sentinels: readonly RedisServer[];
  /** Where the sentinels are. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** A plain client of whoever is the primary, disconnected at the teardown. */
  client(options?: ClientOptions): Redis;
  /** Whom every sentinel calls the primary; `undefined` while they disagree. */
  currentPrimary(): Promise<RedisServer | undefined>;
  /** Has the sentinels change the two over. Resolves when all of them know. */
  failover(): Promise<void>;
  /** Resolves when the sentinels have replaced a primary that died, or was stopped: some seconds. */
  replaced(former: RedisServer): Promise<void>;
}

/** How to start one. */
export interface StartSentinelRedisOptions extends StartRedisOptions {
  /**
   * How many sentinels; more than half of them must agree on what is to be done.
   *
   * @default 3
   */
  readonly sentinels?: number;
  /** Makes all of it speak TLS only. @default undefined, nothing does */
  readonly certificate?: RedisCertificate;
}

const NAME = 'main';

/** Starts all of it, and resolves when the sentinels know each other and the replica: some three seconds. */
export async function startSentinelRedis({
  until = 'test',
  args = [],
  sentinels: count = 3,
  certificate,
}: StartSentinelRedisOptions = {}): Promise<SentinelRedis> {
  const primary = await startData(until, args, certificate);
  const replica = await startData(until, args, certificate);
  // Not by an argument: started again as what it is by then, it would be told to follow somebody once more.
  await withClient(replica, (client) => client.replicaof('127.0.0.1', primary.port));
  const quorum = Math.floor(count / 2) + 1;
  const sentinels = await Promise.all(
    Array.from({ length: count }, () => startSentinel(until, primary.port, quorum, certificate)),
  );
  const addresses = sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));

  const currentPrimary = async (): Promise<RedisServer | undefined> => {
    const ports = new Set(await Promise.all(sentinels.map(primaryPort)));
    return ports.size === 1 ? [primary, replica].find(({ port }) => ports.has(port)) : undefined;
  };
  const replaced = (former: RedisServer): Promise<void> =>
    untilTrue('the sentinels have another primary', async () => {
      const current = await currentPrimary();
      return current !== undefined && current !== former;
    });
  await untilTrue('the sentinels know everybody', async () => {
    const known = await Promise.all(sentinels.map((sentinel) => knowsAll(sentinel, count)));
    return known.every(Boolean);
  });
  return {
    ...{ name: NAME, primary, replica, sentinels, addresses, currentPrimary, replaced },
    client: (options = {}) => {
      const client = new Redis({ ...LEAVE_AT_ONCE, sentinels: [...addresses], name: NAME, ...options });
      client.on('error', () => undefined);
      onTeardownOf(until, () => {
        client.disconnect();
      });
      return client;
    },
    failover: async () => {
      const former = await currentPrimary();
      const sentinel = sentinels[0];
      if (former === undefined || sentinel === undefined) throw new Error('There is no primary to replace.');
      // Refused until the sentinel has seen the replica in good health.
      await untilTrue('a failover is possible', () =>
        ask(sentinel, 'FAILOVER').then(
          () => true,
          () => false,
        ),
      );
      await replaced(former);
    },
  };
}

function startData(
  until: Lifetime,
  args: readonly string[],
  certificate: RedisCertificate | undefined,
): Promise<RedisServer> {
  return RedisServer.start(
    {
      ...launchOf(certificate),
      args: (port, folder) => [
        ...[...standingArgs(folder), '--repl-diskless-sync-delay', '0'],
        ...[...(certificate?.args(port) ?? ['--port', String(port)]), ...args],
      ],
    },
    until,
  );
}

function startSentinel(
  until: Lifetime,
  primary: number,
  quorum: number,
  certificate: RedisCertificate | undefined,
): Promise<RedisServer> {
  return RedisServer.start(
    {
      ...launchOf(certificate),
      args: (port, folder) => {
        // A file, because a sentinel keeps what it learns in it.
        const file = join(folder, 'sentinel.conf');
        const lines = [
          ...['bind 127.0.0.1', `dir ${folder}`],
          `sentinel monitor ${NAME} 127.0.0.1 ${primary} ${quorum}`,
          `sentinel down-after-milliseconds ${NAME} 1000`,
          `sentinel failover-timeout ${NAME} 5000`,
        ];
        writeFileSync(file, `${lines.join('\n')}\n`);
        return [file, '--sentinel', ...(certificate?.args(port) ?? ['--port', String(port)])];
      },
    },
    until,
  );
}

/** The address of a server, and how the test's own clients trust it. The certificate is for a name. */
function launchOf(certificate: RedisCertificate | undefined): Pick<RedisLaunch, 'url' | 'client'> {
  if (certificate === undefined) return { url: (port) => `redis://127.0.0.1:${port}` };
  return { url: (port) => `rediss://localhost:${port}`, client: { tls: { ca: certificate.ca } } };
}

async function primaryPort(sentinel: RedisServer): Promise<number> {
  const answer = await ask(sentinel, 'GET-MASTER-ADDR-BY-NAME');
  return Number((answer as [host: string, port: string])[1]);
}

async function knowsAll(sentinel: RedisServer, count: number): Promise<boolean> {
  const told = (await ask(sentinel, 'MASTER')) as string[];
  const of = (field: string): string | undefined => told[told.indexOf(field) + 1];
  return of('num-slaves') === '1' && of('num-other-sentinels') === String(count - 1);
}

function ask(sentinel: RedisServer, question: string): Promise<unknown> {
  return withClient(sentinel, (client) => client.call('SENTINEL', question, NAME));
}

async function withClient<T>(server: RedisServer, task: (client: Redis) => Promise<T>): Promise<T> {
  const client = server.client({ maxRetriesPerRequest: 3 });
  try {
    return await task(client);
  } finally {
    client.disconnect();
  }
}
