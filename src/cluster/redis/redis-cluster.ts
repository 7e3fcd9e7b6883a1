import pMap from 'p-map';
import type { Clock } from '../../ports/clock.js';
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
import { userChannel, userOfChannel } from '../../protocol/channel-name.js';
import { Bus } from './bus.js';
import { ChannelSyncs } from './channels/channel-syncs.js';
import { ClusterQueries } from './cluster-queries.js';
import { Leases } from './leases.js';
import { RedisKeys } from './connection/redis-keys.js';
import { RedisLink } from './connection/redis-link.js';
import { RememberedEvents } from './remembered-events.js';
import { WatchedUsers } from './watched-users.js';

const NOBODY: ReadonlyMap<string, User> = new Map();
const STATUS_CONCURRENCY = 256;
/** So long a node that is closed may take to say what it leaves behind. */
const RESIGN_MS = 3_000;
/** A message is JSON in JSON in JSON: so much longer than the event's data it can be. */
const ESCAPED = 8;
const FRAMING = 8_192;

/**
 * Several nodes as one, over Redis: who is where is written there, in steps that nothing can come between, and what a
 * node has to tell travels by pub/sub to those nodes that have somebody to hear it.
 *
 * While Redis is away the node goes on alone: whoever is connected to it is served, and what cannot be known or told is
 * refused at once. When Redis is back, with its data or without, it is told what the nodes hold.
 */
export class RedisCluster implements Cluster {
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

  constructor(
    self: ClusterNode,
    config: SocketConfig,
    private readonly clock: Clock,
    private readonly logger: SocketLogger,
  ) {
    const { prefix, address } = config.redis;
    if (address === undefined) throw new SocketConfigurationError(['SOCKET_REDIS_URL: is required']);
    this.#graceMs = config.gateway.presenceGraceMs;
    const keys = (this.#keys = new RedisKeys(
      address.database === 0 ? prefix : `${prefix}:${address.database}`,
    ));
    const remembered = (this.#remembered = new RememberedEvents(clock));
    const link = (this.#link = new RedisLink(address, logger, {
      message: (redisChannel, text) => {
        this.#bus.receive(redisChannel, text);
      },
      up: () => void this.#up(),
      changed: () => void this.#restore(false),
      down: () => {
        this.#syncs.goOffline();
      },
    }));
    const leases = (this.#leases = new Leases(link, keys, clock, {
      lapsed: (isLost) => {
        // Else whoever made it enter restores everything anyway.
        if (!this.#isEntering) void this.#restore(isLost);
      },
      reap: (channel, node, since, isLast) => this.#syncs.reap(channel, node, since, isLast),
      failed: (error) => {
        logger.warn(`The lease of this node was not renewed, and will be: ${String(error)}`);
      },
    }));
    const watched = (this.#watched = new WatchedUsers((userId, isOnline) => {
      self.statusChanged(userId, isOnline);
    }));
    const maximumLength = messageLength(config);
    const bus = (this.#bus = new Bus(
      { link, keys, self, leases, remembered, logger, maximumLength },
      {
        isHeard: (channel) => this.#syncs.isHeard(channel),
        rosterChanged: (channel, message) => {
          this.#syncs.changed(channel, message);
        },
        statusChanged: (userId, version, isOnline) => {
          watched.learn(userId, isOnline, version);
        },
      },
    ));
    const parts = { config, clock, logger, self, link, keys, leases, bus, remembered, watched };
    this.#syncs = new ChannelSyncs(parts);
    this.#queries = new ClusterQueries(link, keys, clock);
    link.open();
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

  start(): Promise<void> {
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
    return this.#syncs.find(channel)?.roster.users ?? NOBODY;
  }

  cached(channel: string): CachedEvent | undefined {
    return this.#remembered.get(channel);
  }

  async publish(channel: string, message: ChannelMessage): Promise<void> {
    await this.#bus.publish(channel, message);
  }

  async terminate(userId: string): Promise<void> {
    await this.#bus.terminate(userChannel(userId));
  }

  watch(userIds: readonly string[], done: (online: ReadonlySet<string>) => void): void {
    const watched = this.#watched;
    watched.add(userIds);
    void this.#learn(userIds.filter((id) => !watched.isKnown(id))).then(() => {
      done(watched.online(userIds));
    });
  }

  unwatch(userIds: readonly string[]): void {
    this.#watched.delete(userIds);
    for (const id of userIds) {
      this.#bus.unsubscribe(this.#keys.status(userChannel(id))).catch(() => {
        // Then it is not heard either.
      });
    }
  }

  channels(prefix: string): Promise<readonly ChannelInfo[]> {
    return this.#queries.channels(prefix);
  }

  channel(name: string): Promise<ChannelInfo> {
    return this.#queries.channel(name);
  }

  online(userIds: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#queries.online(userIds);
  }

  /** What Redis had passed on before stands before its answer. Of the subscribers of a Redis Cluster that is not known. */
  async caughtUp(): Promise<void> {
    await this.#link.use((redis) => redis.ping());
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
    const isLost = await this.#leases.enter();
    this.#isEntering = false;
    await this.#restore(isLost);
  }

  async #restore(isLost: boolean): Promise<void> {
    await this.#syncs.restore(isLost);
    await this.#learn(this.#watched.ids);
  }

  /** Hears of these users from now on, and asks how they are. Where Redis is away, as far as is known here. */
  async #learn(userIds: readonly string[]): Promise<void> {
    const [watched, bus, syncs] = [this.#watched, this.#bus, this.#syncs];
    const look = async (id: string) => {
      try {
        await bus.subscribe(this.#keys.status(userChannel(id)));
        const { isOnline, version } = await this.#queries.status(id);
        watched.learn(id, isOnline, version);
      } catch {
        if (!watched.isKnown(id)) watched.learn(id, syncs.isHeard(userChannel(id)), 0);
      }
    };
    await pMap(userIds, look, { concurrency: STATUS_CONCURRENCY });
  }

  /** Redis cannot say whether a user is online now; this node can say whether it is so here. */
  #guess(channel: string, isHere: boolean): void {
    const userId = userOfChannel(channel);
    if (userId !== undefined) this.#watched.guess(userId, isHere);
  }

  async #close(): Promise<void> {
    try {
      if (this.#link.isUp) await this.#inTime(this.#resign());
    } catch (error) {
      this.logger.warn(`Redis was not told that this node is gone; the others will see: ${String(error)}`);
    } finally {
      this.#leases.stop();
      this.#syncs.close();
      this.#remembered.clear();
      this.#link.close();
    }
  }

  /** Whoever waits for a process to end does so for as long as it takes Redis to answer, and no longer. */
  #inTime(resigned: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.clock.after(RESIGN_MS, () => {
        reject(new Error('Redis is too slow'));
      });
      void resigned.then(resolve, reject).finally(() => {
        timer.cancel();
      });
    });
  }

  /**
   * Members who left with this node may come back on another, so their grace period goes on without it. Where there is
   * no other it ends now.
   */
  async #resign(): Promise<void> {
    const isAnybodyExpected = await this.#syncs.idle();
    await this.#leases.resign(this.#graceMs, !isAnybodyExpected);
  }
}

/** The longest message of this cluster; 0 where events may have any length. */
function messageLength({ maxEventBytes }: SocketConfig): number {
  return maxEventBytes === 0 ? 0 : ESCAPED * maxEventBytes + FRAMING;
}
