import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress } from './redis-address.js';

/** Milliseconds until an answer, or a connection, is given up. Redis answers in less than one. */
export const ANSWER_TIMEOUT_MS = 1_500;

/** What has a message for a Redis channel. */
export type MessageListener = (redisChannel: string, text: string) => void;

/**
 * One connection to Redis, whatever stands behind the address. It lives once: when it is lost another one is opened.
 * Nothing waits in it while it is not there, and nothing is sent twice.
 */
export interface RedisConnection {
  /** Whether messages travel by shard: the server is a Redis Cluster. */
  readonly isSharded: boolean;
  /** Sends a command. */
  readonly client: Redis | Cluster;
  publish(redisChannel: string, text: string): Promise<unknown>;
  subscribe(redisChannels: readonly string[]): Promise<void>;
  unsubscribe(redisChannels: readonly string[]): Promise<void>;
  /** Makes sure that both directions are alive. */
  ping(): Promise<void>;
  close(): void;
}

/** What a connection tells. */
export interface ConnectionEvents {
  readonly message: MessageListener;
  /** It is gone, or of no use any more. */
  readonly lost: (reason: string) => void;
}

/**
 * Connects to a server, to the primary that sentinels name, or to a Redis Cluster, which is recognized by what the server
 * says of itself.
 */
export async function connect(address: RedisAddress, events: ConnectionEvents): Promise<RedisConnection> {
  if (address.primary === undefined && address.hosts.length > 1) return connectCluster(address, events);
  const commands = new Redis(standalone(address));
  const subscriber = new Redis(standalone(address));
  let isClosed = false;
  const close = () => {
    isClosed = true;
    commands.disconnect();
    subscriber.disconnect();
  };
  for (const client of [commands, subscriber]) {
    const lost = (reason: string) => {
      if (!isClosed) events.lost(reason);
    };
    client.on('error', (error: Error) => {
      lost(error.message);
    });
    client.on('end', () => {
      lost('the connection was closed');
    });
  }
  try {
    await Promise.all([commands.connect(), subscriber.connect()]);
    const isCluster = /^cluster_enabled:1/m.test(await commands.info('cluster'));
    if (isCluster) {
      close();
      return await connectCluster(address, events);
    }
  } catch (error) {
    close();
    throw error;
  }
  subscriber.on('message', events.message);
  return {
    isSharded: false,
    client: commands,
    publish: (channel, text) => commands.publish(channel, text),
    subscribe: async (channels) => {
      await subscriber.subscribe(...channels);
    },
    unsubscribe: async (channels) => {
      await subscriber.unsubscribe(...channels);
    },
    ping: async () => {
      await Promise.all([commands.ping(), subscriber.ping()]);
    },
    close,
  };
}

async function connectCluster(address: RedisAddress, events: ConnectionEvents): Promise<RedisConnection> {
  const { hosts } = address;
  const cluster = new Cluster([...hosts], {
    lazyConnect: true,
    shardedSubscribers: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: () => null,
    redisOptions: { ...access(address), ...TIMEOUTS },
  });
  // Single servers of it come and go, and are found again; only all of them together can be lost.
  cluster.on('error', () => undefined);
  cluster.on('end', () => {
    events.lost('every connection was closed');
  });
  try {
    await cluster.connect();
  } catch (error) {
    cluster.disconnect();
    throw error;
  }
  cluster.on('smessage', events.message);
  return {
    isSharded: true,
    client: cluster,
    publish: (channel, text) => cluster.spublish(channel, text),
    // Channels of one command have to be in one slot.
    subscribe: async (channels) => {
      await Promise.all(channels.map((channel) => cluster.ssubscribe(channel)));
    },
    unsubscribe: async (channels) => {
      await Promise.all(channels.map((channel) => cluster.sunsubscribe(channel)));
    },
    ping: async () => {
      await cluster.ping();
    },
    close: () => {
      cluster.disconnect();
    },
  };
}

/** ioredis's own overloads do not take its own type. */
type Options = Omit<RedisOptions, 'replyMapping'>;

const TIMEOUTS = {
  connectTimeout: ANSWER_TIMEOUT_MS,
  commandTimeout: ANSWER_TIMEOUT_MS,
  // Nothing is owed to a connection that is given up, so no timer may outlive it.
  disconnectTimeout: 0,
};

function access({ username, password, isTls }: RedisAddress): Options {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(isTls && { tls: {} }),
  };
}

function standalone(address: RedisAddress): Options {
  const { hosts, database, primary, password, isTls } = address;
  const [first = { host: 'localhost', port: 6_379 }] = hosts;
  const where =
    primary === undefined
      ? first
      : {
          sentinels: [...hosts],
          name: primary,
          ...(password !== undefined && { sentinelPassword: password }),
          ...(isTls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
          sentinelRetryStrategy: () => null,
        };
  return {
    ...where,
    ...access(address),
    ...TIMEOUTS,
    db: database,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  };
}
