const BEFORE = '{';
const AFTER = '}';
const STATUS = ':status';

/**
 * What everything is called in Redis. All that belongs to one channel has the channel's name in braces, so that it lives
 * in one slot of a Redis Cluster and one script can change all of it.
 */
export class RedisKeys {
  /** Sorted set: when each node was last heard of. */
  readonly nodes: string;
  /** Set: those of them that went by themselves. */
  readonly resigned: string;
  /** Hash: the nodes that are gone and not cleared away yet, each with when it was last heard of and when it was claimed. */
  readonly claims: string;
  /** When any node was last heard of, and until when nobody counts as gone. */
  readonly heard: string;
  /** A name for the data as a whole, which is gone when the data is. */
  readonly epoch: string;

  constructor(private readonly prefix: string) {
    // In one slot, which is no channel's: no channel has this name.
    this.nodes = `${this.bus('#')}:nodes`;
    this.heard = `${this.bus('#')}:heard`;
    this.claims = `${this.bus('#')}:claims`;
    this.resigned = `${this.bus('#')}:resigned`;
    this.epoch = `${this.bus('#')}:epoch`;
  }

  /** Set: the channels that a node has a part in, and at times a few more. */
  channelsOf(node: string): string {
    return `${this.prefix}:node:${node}`;
  }

  /** The Redis channel on which nodes with subscribers of a channel hear of it. */
  bus(channel: string): string {
    return `${this.prefix}:${BEFORE}${channel}${AFTER}`;
  }

  /** The Redis channel on which nodes with watchers of a user hear of it. */
  status(userChannel: string): string {
    return this.bus(userChannel) + STATUS;
  }

  /** One of a channel's own keys. */
  of(channel: string, what: 'nodes' | 'members' | 'version' | 'missed' | 'cache'): string {
    return `${this.bus(channel)}:${what}`;
  }

  /** Every key of a channel that has to do with who is on it, as the script takes them. */
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

  /** Which channel a Redis channel is about; `undefined` when it is none of these. */
  read(redisChannel: string): { readonly channel: string; readonly isStatus: boolean } | undefined {
    const start = `${this.prefix}:${BEFORE}`;
    const isStatus = redisChannel.endsWith(STATUS);
    const bus = isStatus ? redisChannel.slice(0, -STATUS.length) : redisChannel;
    if (!bus.startsWith(start) || !bus.endsWith(AFTER)) return undefined;
    return { channel: bus.slice(start.length, -AFTER.length), isStatus };
  }
}
