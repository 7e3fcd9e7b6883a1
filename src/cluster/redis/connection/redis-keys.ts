import { createHash } from 'node:crypto';
import type { RedisAddress } from '../../../ports/socket-config.js';
import { literal } from './scan.js';

const BEFORE = '{';
const AFTER = '}';
const STATUS = ':status';
const LEAVING = ':leaving';

/** The names for the nodes of one prefix. A server with several databases has one pub/sub for all of them. */
export function keysOf(prefix: string, { database }: Pick<RedisAddress, 'database'>): RedisKeys {
  return new RedisKeys(database === 0 ? prefix : `${prefix}:${database}`);
}

/**
 * The names of keys and channels in Redis. The keys of one channel have the channel's name in braces: so they are in one
 * slot of a Redis Cluster, and one script can change all of them.
 */
export class RedisKeys {
  /** Sorted set: the nodes, each with when it last renewed its lease. */
  readonly nodes: string;
  /** Set: those of the nodes that gave up their leases. */
  readonly resigned: string;
  /** Set: those of the nodes that send their clients away, or did so. */
  readonly retired: string;
  /** Hash: the nodes that are gone and not reaped yet, each with when it was last heard of and when it was claimed. */
  readonly claims: string;
  /** String: when any node last renewed its lease, and until when no node counts as gone. */
  readonly heard: string;
  /** Sorted set: the lease names that were claimed, each with when. */
  readonly reaped: string;
  /** String: when a node last looked for channels that belong to nobody. */
  readonly swept: string;
  /** Hash: the nodes that have reported everything to a Redis that may have lost data, each with the servers that it found. */
  readonly restored: string;
  /** Set: the nodes that others wait for, because Redis has lost what they had reported. */
  readonly awaited: string;
  /** The Redis channel for events to many users. Every node with subscribers hears it. */
  readonly users: string;

  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.users = this.bus('#');
    // All in one slot. No channel can have the name `#`.
    this.nodes = `${this.bus('#')}:nodes`;
    this.heard = `${this.bus('#')}:heard`;
    this.claims = `${this.bus('#')}:claims`;
    this.resigned = `${this.bus('#')}:resigned`;
    this.retired = `${this.bus('#')}:retired`;
    this.reaped = `${this.bus('#')}:reaped`;
    this.swept = `${this.bus('#')}:swept`;
    this.restored = `${this.bus('#')}:restored`;
    this.awaited = `${this.bus('#')}:awaited`;
  }

  /** Set: the channels that a node has a part in. It may contain a few more for a moment. */
  channelsOf(node: string): string {
    return `${this.#prefix}:node:${node}`;
  }

  /** Hash: the record of a channel. Also the Redis channel for messages to the nodes that have subscribers of the channel. */
  bus(channel: string): string {
    return `${this.#prefix}:${BEFORE}${channel}${AFTER}`;
  }

  /** The Redis channel for messages to the nodes that have watchers of a user. */
  status(userChannel: string): string {
    return this.bus(userChannel) + STATUS;
  }

  /** String: the last event of a cache channel. */
  cache(channel: string): string {
    return `${this.bus(channel)}:cache`;
  }

  /** Hash: the live position of a channel with history, and the servers that its log was on. */
  historyHead(channel: string): string {
    return `${this.bus(channel)}:head`;
  }

  /** List: the events of a channel with history, as they were published. */
  historyLog(channel: string): string {
    return `${this.bus(channel)}:log`;
  }

  /** String: the position of the event with this key, or that a relay with this key was claimed. */
  once(channel: string, key: string): string {
    return `${this.bus(channel)}:once:${createHash('sha256').update(key).digest('base64url')}`;
  }

  /** The pattern of the keys of all channels. */
  get everyChannel(): string {
    return `${literal(this.#prefix)}:${BEFORE}*${AFTER}*`;
  }

  /**
   * The channel whose members or subscriptions a key has; `undefined` for any other key. The other keys of a channel expire by
   * themselves.
   */
  recordOf(key: string): string | undefined {
    const start = `${this.#prefix}:${BEFORE}`;
    const record = key.endsWith(LEAVING) ? key.slice(0, -LEAVING.length) : key;
    if (!record.startsWith(start) || !record.endsWith(AFTER)) return undefined;
    const channel = record.slice(start.length, -AFTER.length);
    return channel === '#' ? undefined : channel;
  }

  /** The channel that a Redis channel is about; `undefined` when it is not a channel of this prefix. */
  read(redisChannel: string): { readonly channel: string; readonly isStatus: boolean } | undefined {
    const start = `${this.#prefix}:${BEFORE}`;
    const isStatus = redisChannel.endsWith(STATUS);
    const bus = isStatus ? redisChannel.slice(0, -STATUS.length) : redisChannel;
    if (!bus.startsWith(start) || !bus.endsWith(AFTER)) return undefined;
    return { channel: bus.slice(start.length, -AFTER.length), isStatus };
  }
}
