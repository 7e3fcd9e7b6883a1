// The host's tests may replace the global one by one that they move by hand.
import { setImmediate } from 'node:timers';
import { Cluster, Redis } from 'ioredis';
import type { RedisAddress } from '../../../ports/socket-config.js';
import { access, type ClientOptions, reasonOf, whereabouts } from '../../../redis/redis-options.js';

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
  /** Makes sure that both directions are alive; of the subscribers of a Redis Cluster only the system can tell. */
  ping(): Promise<void>;
  close(): void;
}

/** What a connection tells. */
export interface ConnectionEvents {
  readonly message: MessageListener;
  /** A server of it was lost and is there again, or another one. */
  readonly changed: () => void;
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
      lost(reasonOf(error));
    });
    client.on('end', () => {
      lost('the connection was closed');
    });
  }
  try {
    // Both to their ends: a TLS handshake that is given up in its middle brings the process down.
    const attempts = await Promise.allSettled([commands.connect(), subscriber.connect()]);
    const failed = attempts.find((attempt) => attempt.status === 'rejected');
    if (failed !== undefined) throw asError(failed.reason);
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
    publish: (channel, text) => {
      gather(commands.stream);
      return commands.publish(channel, text);
    },
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

/** Has what one turn of the event loop sends leave in one write, and so be answered and passed on in few. */
function gather(stream: Redis['stream']): void {
  if (stream.writableCorked > 0) return;
  stream.cork();
  setImmediate(() => {
    stream.uncork();
  });
}

async function connectCluster(address: RedisAddress, events: ConnectionEvents): Promise<RedisConnection> {
  const { hosts } = address;
  const cluster = new Cluster([...hosts], {
    lazyConnect: true,
    shardedSubscribers: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: () => null,
    // Whoever waits for a server that is gone waits a moment, and no longer.
    maxRedirections: 4,
    retryDelayOnFailover: 100,
    retryDelayOnClusterDown: 100,
    redisOptions: { ...access(address), ...TIMEOUTS },
  });
  // Single servers of it come and go, and are found again; only all of them together can be lost.
  let lastProblem = 'every connection was closed';
  for (const event of ['error', 'node error']) {
    cluster.on(event, (error: unknown) => {
      lastProblem = reasonOf(error);
    });
  }
  cluster.on('end', () => {
    events.lost('every connection was closed');
  });
  try {
    // Where the cluster is out of service ioredis's own promise is never settled.
    const ended = new Promise<never>((_, reject) => {
      cluster.once('end', () => {
        reject(new Error(lastProblem));
      });
    });
    await Promise.race([cluster.connect(), ended]);
  } catch (error) {
    cluster.disconnect();
    throw error;
  }
  cluster.on('smessage', events.message);
  // It may have come back without what it had.
  cluster.on('+node', events.changed);
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

const TIMEOUTS = {
  connectTimeout: ANSWER_TIMEOUT_MS,
  commandTimeout: ANSWER_TIMEOUT_MS,
  keepAlive: 10_000,
  // Nothing is owed to a connection that is given up, so no timer may outlive it.
  disconnectTimeout: 0,
};

function standalone(address: RedisAddress): ClientOptions {
  return {
    ...whereabouts(address),
    ...(address.primary !== undefined && { sentinelRetryStrategy: () => null }),
    ...TIMEOUTS,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  };
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
