const BEFORE = '{';
const AFTER = '}';
const STATUS = ':status';

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
  /** String: a random name for the data as a whole. When Redis loses its data, it gets another name. */
  readonly epoch: string;

  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    // All in one slot. No channel can have the name `#`.
    this.nodes = `${this.bus('#')}:nodes`;
    this.heard = `${this.bus('#')}:heard`;
    this.claims = `${this.bus('#')}:claims`;
    this.resigned = `${this.bus('#')}:resigned`;
    this.retired = `${this.bus('#')}:retired`;
    this.epoch = `${this.bus('#')}:epoch`;
  }

  /** Set: the channels that a node has a part in. It may contain a few more for a moment. */
  channelsOf(node: string): string {
    return `${this.#prefix}:node:${node}`;
  }

  /** The Redis channel for messages to the nodes that have subscribers of a channel. */
  bus(channel: string): string {
    return `${this.#prefix}:${BEFORE}${channel}${AFTER}`;
  }

  /** The Redis channel for messages to the nodes that have watchers of a user. */
  status(userChannel: string): string {
    return this.bus(userChannel) + STATUS;
  }

  /** One of a channel's own keys. */
  of(channel: string, what: 'nodes' | 'members' | 'version' | 'missed' | 'cache'): string {
    return `${this.bus(channel)}:${what}`;
  }

  /** The keys of the occupancy script, in its order. `node` is the lease name of the node that reports or is reaped. */
  occupancy(channel: string, node: string): string[] {
    const bus = this.bus(channel);
    const keys = [
      'nodes',
      'members',
      'holds',
      `held:${node}`,
      'leaving',
      'version',
      'told',
      'missed',
      'cache',
    ];
    return [...keys.map((key) => `${bus}:${key}`), bus, this.status(channel)];
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
