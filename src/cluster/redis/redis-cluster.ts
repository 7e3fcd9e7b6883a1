import { HistoryRules } from '../../history/history-rules.js';
import { type Clock, type Timer, within } from '../../ports/clock.js';
import type {
  AskAnswer,
  CachedEvent,
  ChannelInfo,
  ChannelMessage,
  Cluster,
  ClusterNode,
  ClusterStatistics,
  JoinRefusal,
  MemberAsk,
} from '../../ports/cluster.js';
import { SocketConfigurationError } from '../../ports/errors.js';
import type { HistoryStatistics, Position } from '../../ports/history.js';
import type { SocketLogger } from '../../ports/logger.js';
import type { SocketConfig } from '../../ports/socket-config.js';
import type { User } from '../../ports/user.js';
import { isUserChannel } from '../../protocol/channel-name.js';
import { Asks } from './asks.js';
import { Bus } from './bus.js';
import { USERS_AT_ONCE } from './bus-message.js';
import { ChannelSyncs } from './channels/channel-syncs.js';
import { OccupancyStore } from './channels/occupancy-store.js';
import { ClusterQueries } from './cluster-queries.js';
import { keysOf } from './connection/redis-keys.js';
import { RedisLink } from './connection/redis-link.js';
import { HistoryFeeds } from './history/history-feeds.js';
import { RedisLog } from './history/redis-log.js';
import { Leases } from './leases.js';
import { RememberedEvents } from './remembered-events.js';
import { RestoredNodes } from './restored-nodes.js';
import { Sweep } from './sweep.js';
import { UserStatuses } from './user-statuses.js';
import { WatchedUsers } from './watched-users.js';

const NOBODY: ReadonlyMap<string, User> = new Map();
/** How long a node that is closed waits for Redis to take its last report, and some of the messages that wait. */
const RESIGN_MS = 3_000;
/** How long a node that sends its clients away waits for Redis to say whether there are others. */
const RETIRE_MS = 1_000;
/** Changes of the servers of a Redis Cluster within this time are one, and at least so much is between two of them, in milliseconds. */
const TOGETHER_MS = 250;
const BETWEEN_MS = 5_000;
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
  readonly usersAtOnce = USERS_AT_ONCE;
  readonly #clock: Clock;
  readonly #logger: SocketLogger;
  readonly #graceMs: number;
  readonly #remembered: RememberedEvents;
  readonly #link: RedisLink;
  readonly #leases: Leases;
  readonly #watched: WatchedUsers;
  readonly #bus: Bus;
  readonly history: RedisLog;
  readonly #feeds: HistoryFeeds;
  readonly #hasHistory: boolean;
  readonly #asks: Asks;
  readonly #syncs: ChannelSyncs;
  readonly #queries: ClusterQueries;
  readonly #statuses: UserStatuses;
  readonly #sweep: Sweep;
  #isEntering = false;
  /** Set while a restoration is to come. */
  #restoring: Timer | undefined;
  #restoredAt = Number.NEGATIVE_INFINITY;
  #closing: Promise<void> | undefined;

  /** @throws SocketConfigurationError when there is no address of Redis */
  constructor(self: ClusterNode, config: SocketConfig, clock: Clock, logger: SocketLogger) {
    const { gateway, redis } = config;
    const { prefix, address } = redis;
    if (address === undefined) throw new SocketConfigurationError(['SOCKET_REDIS_URL: is required']);
    this.#clock = clock;
    this.#logger = logger;
    this.#graceMs = gateway.presenceGraceMs;
    const keys = keysOf(prefix, address);
    const remembered = new RememberedEvents(clock);
    const watched = new WatchedUsers((userChannel, isOnline) => {
      self.statusChanged(userChannel, isOnline);
    });
    const link = new RedisLink(address, clock, logger, {
      message: (redisChannel, text) => {
        this.#bus.receive(redisChannel, text);
      },
      up: (isOther) => void this.#up(isOther),
      changed: () => {
        this.#restoreSoon();
      },
      down: () => {
        this.#statuses.disconnected();
        this.#syncs.goOffline();
      },
    });
    const leases = new Leases(link, keys, clock, {
      began: () => void restoredNodes.restored(() => true),
      lapsed: (isDataLost) => {
        // While the node enters, everything is restored afterwards anyway.
        if (!this.#isEntering) void this.#restore(isDataLost);
      },
      reap: (channel, reaped) => this.#syncs.reap(channel, reaped),
      failed: (error) => {
        logger.warn(`Could not renew the lease of this node; it will try again: ${String(error)}`);
      },
    });
    const restoredNodes = new RestoredNodes(link, keys, leases);
    const maximumLength = messageLength(config);
    const log = new RedisLog({ link, keys, clock, config });
    const rules = new HistoryRules(config);
    const feeds = new HistoryFeeds(rules, { log, clock, self });
    const bus = new Bus(
      { link, keys, clock, self, leases, remembered, log, logger, maximumLength },
      {
        isSubscribed: (channel) => this.#syncs.isSubscribed(channel),
        rosterChanged: (channel, change) => {
          this.#syncs.rosterChanged(channel, change);
        },
        statusChanged: (userChannel, version, isOnline) => {
          watched.learn(userChannel, isOnline, version);
        },
        asked: (userChannel, replyTo, ask) => {
          this.#asks.asked(userChannel, replyTo, ask);
        },
        answered: (id, answer) => {
          this.#asks.answered(id, answer);
        },
        positioned: (channel, message) => {
          feeds.heard(channel, message);
        },
        lost: (channel) => {
          this.#syncs.reportAgain(channel);
        },
      },
    );
    const store = new OccupancyStore({ config, link, keys, leases, bus, feeds, remembered });
    const limits = { graceMs: gateway.presenceGraceMs, maximumMembers: gateway.limits.presenceMembers };
    this.#remembered = remembered;
    this.#watched = watched;
    this.#link = link;
    this.#leases = leases;
    this.#bus = bus;
    this.history = log;
    this.#feeds = feeds;
    this.#hasHistory = rules.isOn;
    this.#asks = new Asks(bus, keys, clock, self);
    const sweep = new Sweep(
      { link, keys, clock, leases },
      {
        correct: () => this.#syncs.correct(),
        adopt: (channel) => this.#syncs.adopt(channel),
        failed: (error) => {
          logger.warn(
            `Could not look for channels that belong to nobody; this node will try again: ${String(error)}`,
          );
        },
      },
    );
    const differed = () => {
      sweep.soon();
    };
    const recovered = () => void this.#statuses.restore();
    this.#sweep = sweep;
    const shared = { store, clock, logger, self, watched, limits };
    this.#syncs = new ChannelSyncs({ ...shared, restoredNodes, differed, recovered });
    this.#queries = new ClusterQueries(link, keys, clock);
    const isHere = (userChannel: string) => this.#syncs.isSubscribed(userChannel);
    this.#statuses = new UserStatuses({ clock, bus, keys, queries: this.#queries, watched, isHere });
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
    this.#sweep.start();
    return this.#leases.start();
  }

  join(
    channel: string,
    subscriptions: number,
    user: User | undefined,
    done: (refusal?: JoinRefusal) => void,
  ): void {
    if (!this.#leases.isStarted) void this.start();
    this.#syncs.of(channel).join(subscriptions, user, (refusal) => {
      // The subscriber may be gone already.
      if (refusal === undefined && this.#syncs.isSubscribed(channel)) this.#feeds.joined(channel, done);
      else done(refusal);
    });
    if (!this.#link.isUp) this.#guess(channel, true);
  }

  leave(channel: string, subscriptions: number, userId: string | undefined, isDeliberate: boolean): void {
    this.#syncs.find(channel)?.leave(subscriptions, userId, isDeliberate);
    if (subscriptions === 0) this.#feeds.left(channel);
    if (!this.#link.isUp) this.#guess(channel, subscriptions > 0);
  }

  roster(channel: string): ReadonlyMap<string, User> {
    return this.#syncs.find(channel)?.users ?? NOBODY;
  }

  cached(channel: string): CachedEvent | undefined {
    return this.#remembered.get(channel);
  }

  publish(channel: string, message: ChannelMessage): Promise<void> {
    return this.#bus.publish(channel, message);
  }

  async append(channel: string, message: ChannelMessage, key: string | undefined): Promise<void> {
    try {
      const { position, isRepeated } = await this.#bus.append(channel, message, key);
      if (!isRepeated && this.#feeds.has(channel)) this.#feeds.heard(channel, { ...message, position });
    } catch (error) {
      this.#feeds.doubt(channel);
      throw error;
    }
  }

  position(channel: string): Position | undefined {
    return this.#feeds.position(channel);
  }

  get historyStatistics(): HistoryStatistics | undefined {
    return this.#hasHistory ? this.history.statistics : undefined;
  }

  async publishToUsers(userChannels: readonly string[], message: ChannelMessage): Promise<void> {
    await this.#bus.publishToUsers(userChannels, message);
  }

  room(): Promise<void> | undefined {
    return this.#bus.room();
  }

  async terminate(userChannel: string): Promise<void> {
    await this.#bus.terminate(userChannel);
  }

  async remove(channel: string, userId: string): Promise<void> {
    await this.#bus.remove(channel, userId);
    // A process that only publishes reports no events. There the grace period goes on, so that its end is reported.
    if (this.#leases.isStarted) await this.#syncs.endGrace(channel, userId);
  }

  ask(userChannel: string, ask: MemberAsk, answered: (answer: AskAnswer) => void): Promise<void> {
    return this.#asks.ask(userChannel, ask, answered);
  }

  watch(userChannels: readonly string[], done: (online: ReadonlySet<string>) => void): void {
    this.#statuses.watch(userChannels, done);
  }

  unwatch(userChannels: readonly string[]): void {
    this.#statuses.unwatch(userChannels);
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

  /** @param isOther whether another server answers than before, which may have older data */
  async #up(isOther: boolean): Promise<void> {
    this.#isEntering = true;
    this.#asks.restore();
    if (isOther) this.#syncs.hold();
    const isDataLost = await this.#leases.enter();
    this.#isEntering = false;
    await this.#restore(isOther || isDataLost);
  }

  /** The servers of a Redis Cluster change in many steps, so one restoration serves all that come in a short time. */
  #restoreSoon(): void {
    const earliest = this.#restoredAt + BETWEEN_MS - this.#clock.now();
    this.#restoring ??= this.#clock.after(Math.max(TOGETHER_MS, earliest), () => {
      this.#restoring = undefined;
      this.#restoredAt = this.#clock.now();
      void this.#restoreChanged();
    });
  }

  async #restoreChanged(): Promise<void> {
    const isOther = await this.#link.areServersOther();
    if (this.#link.isUp) await this.#restore(isOther);
  }

  /** @param isDataLost whether Redis may have lost data */
  async #restore(isDataLost: boolean): Promise<void> {
    if (this.#leases.isStarted) this.#sweep.soon();
    await this.#syncs.restore(isDataLost);
    // A Redis Cluster subscribes again by itself, so nothing else tells of the messages that were lost before.
    if (this.#link.isSharded) this.#feeds.refreshAll();
    // Before the recovery window is over, other nodes may not have reported yet who is signed in on them.
    if (!isDataLost) await this.#statuses.restore();
  }

  /** Redis cannot say whether a user is online, so the status on this node is used. */
  #guess(channel: string, isHere: boolean): void {
    if (isUserChannel(channel)) this.#watched.guess(channel, isHere);
  }

  async #close(): Promise<void> {
    try {
      // A process that ends should not wait longer than this for a slow Redis.
      const late = () => Promise.reject(new Error('Redis is too slow'));
      while (this.#link.isUp && this.#bus.waiting > 0) await this.#sendSome(late);
      if (this.#link.isUp) await within(this.#clock, RESIGN_MS, this.#resign(), late);
    } catch (error) {
      this.#logger.warn(
        `Could not tell Redis that this node is closing; the other nodes will notice: ${String(error)}`,
      );
    } finally {
      this.#leases.stop();
      this.#asks.close();
      this.#statuses.close();
      this.#sweep.stop();
      this.#restoring?.cancel();
      this.#syncs.close();
      this.#feeds.close();
      this.#remembered.clear();
      this.#link.close();
    }
  }

  /** Sends the messages that wait, and gives up when Redis takes none of them for a while. */
  async #sendSome(late: () => Promise<void>): Promise<void> {
    const { waiting } = this.#bus;
    await within(this.#clock, RESIGN_MS, this.#bus.sent() ?? Promise.resolve(), () => undefined);
    if (this.#bus.waiting >= waiting) await late();
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

/** The longest message of this cluster, in characters; 0 when events or answers may have any length. */
function messageLength({ maxEventBytes, handlers: { limits } }: SocketConfig): number {
  const lengths = [maxEventBytes, limits.messageBytes];
  return lengths.includes(0) ? 0 : ESCAPED * Math.max(...lengths) + FRAMING;
}
