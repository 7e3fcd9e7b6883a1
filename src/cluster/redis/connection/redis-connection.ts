// Not the global one: the application's tests may replace it by one that they run by hand.
import { setImmediate } from 'node:timers';
import { type Cluster, Redis } from 'ioredis';
import type { RedisAddress } from '../../../ports/socket-config.js';
import {
  type ClientOptions,
  isInCluster,
  openCluster,
  reasonOf,
  whereabouts,
} from '../../../redis/redis-options.js';
import { publishOnShards } from './shard-publisher.js';

/** How long to wait for an answer or a connection, in milliseconds. Redis usually answers in less than one. */
export const ANSWER_TIMEOUT_MS = 1_500;

/** Called with a message on a Redis channel. */
export type MessageListener = (redisChannel: string, text: string) => void;

/**
 * One connection to a Redis server or a Redis Cluster. It does not reconnect: the owner opens another one. It queues no
 * command while it is not connected, and sends none twice.
 */
export interface RedisConnection {
  /** Whether messages are published by shard: the server is a Redis Cluster. */
  readonly isSharded: boolean;
  /** The client for commands. */
  readonly client: Redis | Cluster;
  /** The run id of the server; empty where there are several, and where it does not say. */
  readonly server: string;
  /** Sends everything that this turn of the event loop sends in one write, so that Redis passes it on in few. */
  gather(): void;
  publish(redisChannel: string, text: string): Promise<unknown>;
  /** Publishes one message on many channels of a Redis Cluster; absent where there is none. */
  readonly publishOnShards?: (redisChannels: readonly string[], text: string) => Promise<void>;
  subscribe(redisChannels: readonly string[]): Promise<void>;
  unsubscribe(redisChannels: readonly string[]): Promise<void>;
  /** Resolves when Redis has answered on both connections, commands and subscriber; on a Redis Cluster on the first only. */
  ping(): Promise<void>;
  close(): void;
}

/** Called by a {@link RedisConnection}. */
export interface ConnectionEvents {
  readonly message: MessageListener;
  /** A server of the Redis Cluster was lost, and it or another one has come in its place. */
  readonly changed: () => void;
  /** The connection is lost, or of no use any more. */
  readonly lost: (reason: string) => void;
}

/**
 * Connects to a server, to the primary that sentinels name, or to a Redis Cluster. A single server is asked whether it is
 * part of a Redis Cluster.
 *
 * @throws Error when there is no connection within {@link ANSWER_TIMEOUT_MS}
 */
export async function connect(address: RedisAddress, events: ConnectionEvents): Promise<RedisConnection> {
  if (address.isCluster) return connectCluster(address, events);
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
    // Both attempts are waited for: a TLS handshake that is given up in its middle crashes the process.
    const attempts = await Promise.allSettled([commands.connect(), subscriber.connect()]);
    const failed = attempts.find((attempt) => attempt.status === 'rejected');
    if (failed !== undefined) throw asError(failed.reason);
    if (await isInCluster(commands)) {
      close();
      return await connectCluster(address, events);
    }
  } catch (error) {
    close();
    throw error;
  }
  subscriber.on('message', events.message);
  const gather = () => {
    cork(commands.stream);
  };
  return {
    isSharded: false,
    client: commands,
    server: await runIdOf(commands),
    gather,
    publish: (channel, text) => {
      gather();
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

/** @returns an empty text where the server does not say */
async function runIdOf(client: Redis): Promise<string> {
  const text = await client.info('server').catch(() => '');
  return /^run_id:(\w+)/m.exec(text)?.[1] ?? '';
}

/** Sends everything that one turn of the event loop publishes in one write, so that Redis passes it on in few. */
function cork(stream: Redis['stream']): void {
  if (stream.writableCorked > 0) return;
  stream.cork();
  setImmediate(() => {
    stream.uncork();
  });
}

async function connectCluster(address: RedisAddress, events: ConnectionEvents): Promise<RedisConnection> {
  const options = {
    lazyConnect: true,
    shardedSubscribers: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: () => null,
    // A command for a server that is gone fails after a moment.
    maxRedirections: 4,
    retryDelayOnFailover: 100,
    retryDelayOnClusterDown: 100,
    // A server that stands still closes no connection, so nothing else tells that another one has taken its place.
    slotsRefreshInterval: SLOTS_MS,
  };
  const cluster = openCluster(address, options, TIMEOUTS);
  // ioredis finds single servers again. The connection is lost only when all of them are gone.
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
    // When the cluster is out of service, ioredis never settles its own promise.
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
  // A server that came back may have lost its subscriptions or its data.
  cluster.on('+node', events.changed);
  // ioredis has subscribed again, and does not say which subscriptions have failed.
  cluster.on('subscribersReady', events.changed);
  return {
    isSharded: true,
    client: cluster,
    server: '',
    gather: () => {
      // ioredis has a connection to each server.
    },
    publish: (channel, text) => cluster.spublish(channel, text),
    publishOnShards: (channels, text) => publishOnShards(cluster, channels, text),
    // All channels of one command would have to be in one slot.
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

/** How often a Redis Cluster is asked which server has which slots, in milliseconds. */
const SLOTS_MS = 5_000;

const TIMEOUTS = {
  connectTimeout: ANSWER_TIMEOUT_MS,
  commandTimeout: ANSWER_TIMEOUT_MS,
  keepAlive: 10_000,
  // A connection that is given up is closed at once, so that no timer outlives it.
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
