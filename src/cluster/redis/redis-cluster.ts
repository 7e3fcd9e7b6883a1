import pMap from 'p-map';
import { type Clock, within } from '../../ports/clock.js';
import type {
  CachedEvent,
  ChannelInfo,
  ChannelMessage,
  Cluster,
  ClusterNode,
  ClusterStatistics,
  JoinRefusal,
} from '../../ports/cluster.js';
import { SocketConfigurationError } from '../../ports/errors.js';
import type { SocketLogger } from '../../ports/logger.js';
import type { SocketConfig } from '../../ports/socket-config.js';
import type { User } from '../../ports/user.js';
import { isUserChannel } from '../../protocol/channel-name.js';
import { Bus } from './bus.js';
import { ChannelSyncs } from './channels/channel-syncs.js';
import { OccupancyStore } from './channels/occupancy-store.js';
import { ClusterQueries } from './cluster-queries.js';
import { RedisKeys } from './connection/redis-keys.js';
import { RedisLink } from './connection/redis-link.js';
import { Leases } from './leases.js';
import { RememberedEvents } from './remembered-events.js';
import { WatchedUsers } from './watched-users.js';

const NOBODY: ReadonlyMap<string, User> = new Map();
/** How many users' statuses are asked for at a time. */
const STATUS_CONCURRENCY = 256;
/** How long a node that is closed waits for Redis to take its last report. */
const RESIGN_MS = 3_000;
/** How long a node that sends its clients away waits for Redis to say whether there are others. */
const RETIRE_MS = 1_000;
/** A message is JSON in JSON in JSON, so it may be this many times as long as the event's data. */
const ESCAPED = 8;
const FRAMING = 8_192;

/**
 * Several nodes as one, over Redis. Redis has the subscriptions and members of every channel, changed in atomic steps.
 * Messages travel by pub/sub to the nodes that have subscribers of the channel.
 *
 * While Redis is away the node serves its own connections alone, and rejects at once what it cannot know or send. When
 * Redis is back, with its data or without, every node reports what it has.
 */
export class RedisCluster implements Cluster {
  readonly #clock: Clock;
  readonly #logger: SocketLogger;
  readonly #graceMs: number;
  readonly #keys: RedisKeys;
  readonly #remembered: RememberedEvents;
  readonly #link: RedisLink;
  readonly #leases: Leases;
  readonly #watched: WatchedUsers;
  readonly #bus: Bus;
  readonly #syncs: ChannelSyncs;
  readonly #queries: ClusterQueries;
  #isEntering = false;
  #closing: Promise<void> | undefined;

  /** @throws SocketConfigurationError when there is no address of Redis */
  constructor(self: ClusterNode, config: SocketConfig, clock: Clock, logger: SocketLogger) {
    const { gateway, redis } = config;
    const { prefix, address } = redis;
    if (address === undefined) throw new SocketConfigurationError(['SOCKET_REDIS_URL: is required']);
    this.#clock = clock;
    this.#logger = logger;
    this.#graceMs = gateway.presenceGraceMs;
    const keys = new RedisKeys(address.database === 0 ? prefix : `${prefix}:${address.database}`);
    const remembered = new RememberedEvents(clock);
    const watched = new WatchedUsers((userChannel, isOnline) => {
      self.statusChanged(userChannel, isOnline);
    });
    const link = new RedisLink(address, clock, logger, {
      message: (redisChannel, text) => {
        this.#bus.receive(redisChannel, text);
      },
      up: () => void this.#up(),
      changed: () => void this.#restore(false),
      down: () => {
        this.#syncs.goOffline();
      },
    });
    const leases = new Leases(link, keys, clock, {
      lapsed: (isDataLost) => {
        // While the node enters, everything is restored afterwards anyway.
        if (!this.#isEntering) void this.#restore(isDataLost);
      },
      reap: (channel, node, since, isLast) => this.#syncs.reap(channel, node, since, isLast),
      failed: (error) => {
        logger.warn(`Could not renew the lease of this node; it will try again: ${String(error)}`);
      },
    });
    const maximumLength = messageLength(config);
    const bus = new Bus(
      { link, keys, clock, self, leases, remembered, logger, maximumLength },
      {
        isSubscribed: (channel) => this.#syncs.isSubscribed(channel),
        rosterChanged: (channel, change) => {
          this.#syncs.rosterChanged(channel, change);
        },
        statusChanged: (userChannel, version, isOnline) => {
          watched.learn(userChannel, isOnline, version);
        },
      },
    );
    const store = new OccupancyStore({ config, link, keys, leases, bus, remembered });
    const limits = { graceMs: gateway.presenceGraceMs, maximumMembers: gateway.limits.presenceMembers };
    this.#keys = keys;
    this.#remembered = remembered;
    this.#watched = watched;
    this.#link = link;
    this.#leases = leases;
    this.#bus = bus;
    this.#syncs = new ChannelSyncs({ store, clock, logger, self, watched, limits });
    this.#queries = new ClusterQueries(link, keys, clock);
  }

  get node(): string {
    return this.#leases.node;
  }

  get size(): number {
    return this.#syncs.size;
  }

  knows(channel: string): boolean {
    return this.#syncs.find(channel) !== undefined;
  }

  get statistics(): ClusterStatistics {
    return this.#bus.statistics;
  }

  open(): void {
    this.#link.open();
  }

  start(): Promise<void> {
    this.open();
    return this.#leases.start();
  }

  join(
    channel: string,
    subscriptions: number,
    user: User | undefined,
    done: (refusal?: JoinRefusal) => void,
  ): void {
    if (!this.#leases.isStarted) void this.start();
    this.#syncs.of(channel).join(subscriptions, user, done);
    if (!this.#link.isUp) this.#guess(channel, true);
  }

  leave(channel: string, subscriptions: number, userId: string | undefined, isDeliberate: boolean): void {
    this.#syncs.find(channel)?.leave(subscriptions, userId, isDeliberate);
    if (!this.#link.isUp) this.#guess(channel, subscriptions > 0);
  }

  roster(channel: string): ReadonlyMap<string, User> {
    return this.#syncs.find(channel)?.users ?? NOBODY;
  }

  cached(channel: string): CachedEvent | undefined {
    return this.#remembered.get(channel);
  }

  async publish(channel: string, message: ChannelMessage): Promise<void> {
    await this.#bus.publish(channel, message);
  }

  async terminate(userChannel: string): Promise<void> {
    await this.#bus.terminate(userChannel);
  }

  async remove(channel: string, userId: string): Promise<void> {
    await this.#bus.remove(channel, userId);
    // A process that only publishes reports no events. There the grace period goes on, so that its end is reported.
    if (this.#leases.isStarted) await this.#syncs.endGrace(channel, userId);
  }

  watch(userChannels: readonly string[], done: (online: ReadonlySet<string>) => void): void {
    const watched = this.#watched;
    watched.add(userChannels);
    void this.#learn(userChannels.filter((channel) => !watched.isKnown(channel))).then(() => {
      done(watched.online(userChannels));
    });
  }

  unwatch(userChannels: readonly string[]): void {
    this.#watched.delete(userChannels);
    for (const channel of userChannels) {
      this.#bus.unsubscribe(this.#keys.status(channel)).catch(() => {
        // The connection is gone, and its subscriptions with it.
      });
    }
  }

  channels(prefix: string): Promise<readonly ChannelInfo[]> {
    return this.#queries.channels(prefix);
  }

  channel(name: string): Promise<ChannelInfo> {
    return this.#queries.channel(name);
  }

  members(channel: string): Promise<readonly User[]> {
    return this.#queries.members(channel);
  }

  online(userChannels: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#queries.online(userChannels);
  }

  /** Redis answers a ping after the messages that it had sent before. The subscribers of a Redis Cluster are not pinged. */
  async caughtUp(): Promise<void> {
    await this.#link.use((redis) => redis.ping());
  }

  async retire(): Promise<boolean> {
    return within(this.#clock, RETIRE_MS, this.#leases.retire(), () => true).catch(() => true);
  }

  problem(): string | undefined {
    const { problem } = this.#link;
    if (problem !== undefined) return `Redis cannot be reached: ${problem}`;
    return this.#leases.problem;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #up(): Promise<void> {
    this.#isEntering = true;
    const isDataLost = await this.#leases.enter();
    this.#isEntering = false;
    await this.#restore(isDataLost);
  }

  async #restore(isDataLost: boolean): Promise<void> {
    await this.#syncs.restore(isDataLost);
    await this.#learn(this.#watched.channels);
  }

  /** Subscribes to these users' statuses, and asks for them. While Redis is away, the status on this node is used. */
  async #learn(userChannels: readonly string[]): Promise<void> {
    const [watched, bus, syncs] = [this.#watched, this.#bus, this.#syncs];
    const look = async (channel: string) => {
      try {
        await bus.subscribe(this.#keys.status(channel));
        const { isOnline, version } = await this.#queries.status(channel);
        watched.learn(channel, isOnline, version);
      } catch {
        if (!watched.isKnown(channel)) watched.learn(channel, syncs.isSubscribed(channel), 0);
      }
    };
    await pMap(userChannels, look, { concurrency: STATUS_CONCURRENCY });
  }

  /** Redis cannot say whether a user is online, so the status on this node is used. */
  #guess(channel: string, isHere: boolean): void {
    if (isUserChannel(channel)) this.#watched.guess(channel, isHere);
  }

  async #close(): Promise<void> {
    try {
      // A process that ends should not wait longer than this for a slow Redis.
      const late = () => Promise.reject(new Error('Redis is too slow'));
      if (this.#link.isUp) await within(this.#clock, RESIGN_MS, this.#resign(), late);
    } catch (error) {
      this.#logger.warn(
        `Could not tell Redis that this node is closing; the other nodes will notice: ${String(error)}`,
      );
    } finally {
      this.#leases.stop();
      this.#syncs.close();
      this.#remembered.clear();
      this.#link.close();
    }
  }

  /**
   * Members who left with this node may come back on another node, so their grace periods go on without this one. When no
   * other node is left, they end now.
   */
  async #resign(): Promise<void> {
    const hasTimers = await this.#syncs.idle();
    await this.#leases.resign(this.#graceMs, !hasTimers);
  }
}

/** The longest message of this cluster, in characters; 0 when events may have any length. */
function messageLength({ maxEventBytes }: SocketConfig): number {
  return maxEventBytes === 0 ? 0 : ESCAPED * maxEventBytes + FRAMING;
}
