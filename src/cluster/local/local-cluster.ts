import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { HistoryRules } from '../../history/history-rules.js';
import type { MemoryLog } from '../../history/memory-log.js';
import type { Clock } from '../../ports/clock.js';
import type {
  CachedEvent,
  ChannelInfo,
  ChannelMessage,
  Cluster,
  ClusterNode,
  JoinRefusal,
} from '../../ports/cluster.js';
import type { HistoryStatistics, Position } from '../../ports/history.js';
import type { SocketConfig } from '../../ports/socket-config.js';
import type { User } from '../../ports/user.js';
import { channelType, isUserChannel } from '../../protocol/channel-name.js';
import { EventCache } from './event-cache.js';
import { Occupancy } from './occupancy.js';
import { SubscriptionCounts } from './subscription-counts.js';

const NOBODY: ReadonlyMap<string, User> = new Map();
/** How many channels a list reads in one turn of the event loop. */
const CHANNELS_PER_TURN = 500;

/** The cluster of one node. No other node has to be asked, so every answer is given within the call. */
export class LocalCluster implements Cluster {
  readonly node = undefined;
  readonly statistics = undefined;
  readonly usersAtOnce = Infinity;
  readonly #self: ClusterNode;
  readonly #clock: Clock;
  readonly #channels = new Map<string, Occupancy>();
  readonly #cache: EventCache;
  readonly #counts: SubscriptionCounts | undefined;
  readonly history: MemoryLog;
  readonly #rules: HistoryRules;
  readonly #graceMs: number;
  readonly #maximumMembers: number;

  /** @param history the logs of this process, which other providers may share */
  constructor(self: ClusterNode, config: SocketConfig, clock: Clock, history: MemoryLog) {
    const { gateway } = config;
    this.history = history;
    history.holdWhile((channel) => this.#channels.has(channel));
    this.#rules = new HistoryRules(config);
    this.#self = self;
    this.#clock = clock;
    this.#graceMs = gateway.presenceGraceMs;
    this.#maximumMembers = gateway.limits.presenceMembers;
    this.#cache = new EventCache(clock);
    if (gateway.subscriptionCount) {
      this.#counts = new SubscriptionCounts(clock, (channel, count) => {
        this.#self.counted(channel, count);
        this.#self.emit({ name: 'subscription_count', channel, subscription_count: count });
      });
    }
  }

  get size(): number {
    return this.#channels.size;
  }

  knows(channel: string): boolean {
    return this.#channels.has(channel);
  }

  open(): void {
    // There is nobody to connect to.
  }

  async start(): Promise<void> {
    // No other node has to know of this one, and no other node has left anything.
  }

  join(
    channel: string,
    subscriptions: number,
    user: User | undefined,
    done: (refusal?: JoinRefusal) => void,
  ): void {
    const known = this.#channels.get(channel);
    const occupancy = known ?? new Occupancy();
    if (user !== undefined && this.#isFull(occupancy) && !occupancy.roster.has(user.id)) {
      done('full');
      return;
    }
    occupancy.subscriptions = subscriptions;
    occupancy.vacating?.cancel();
    occupancy.vacating = undefined;
    this.#channels.set(channel, occupancy);
    if (known === undefined) this.#occupied(channel);
    if (user !== undefined) this.#addMember(channel, occupancy, user);
    done();
    this.#emitMiss(channel, occupancy);
    this.#counts?.changed(channel, occupancy.subscriptions);
  }

  leave(channel: string, subscriptions: number, userId: string | undefined, isDeliberate: boolean): void {
    const occupancy = this.#channels.get(channel);
    if (occupancy === undefined) return;
    occupancy.subscriptions = subscriptions;
    const isAtOnce = isDeliberate || this.#graceMs === 0;
    if (userId !== undefined && occupancy.roster.has(userId)) {
      const remove = () => {
        this.#removeMember(channel, occupancy, userId);
      };
      if (isAtOnce) remove();
      else occupancy.leaving.set(userId, { timer: this.#clock.after(this.#graceMs, remove), end: remove });
    }
    this.#counts?.changed(channel, subscriptions);
    if (!occupancy.isVacant || !this.#channels.has(channel)) return;
    if (isAtOnce || isUserChannel(channel)) this.#vacated(channel, occupancy);
    else {
      occupancy.vacating ??= this.#clock.after(this.#graceMs, () => {
        this.#vacated(channel, occupancy);
      });
    }
  }

  roster(channel: string): ReadonlyMap<string, User> {
    return this.#channels.get(channel)?.roster ?? NOBODY;
  }

  cached(channel: string): CachedEvent | undefined {
    return this.#cache.get(channel);
  }

  publish(channel: string, { event, data, isClientEvent }: ChannelMessage): undefined {
    if (isClientEvent || !channelType(channel).cached) return;
    this.#cache.set(channel, event, data);
    const occupancy = this.#channels.get(channel);
    if (occupancy !== undefined) occupancy.isMissEmitted = false;
  }

  append(channel: string, message: ChannelMessage, key: string | undefined): Position | undefined {
    const { position, isRepeated } = this.history.append(channel, message, { key, isPublished: true });
    if (isRepeated) return undefined;
    // A cache channel remembers the event too.
    this.publish(channel, message);
    return position;
  }

  position(channel: string): Position | undefined {
    return this.#rules.covers(channel) ? this.history.headOf(channel) : undefined;
  }

  get historyStatistics(): HistoryStatistics | undefined {
    return this.#rules.isOn ? this.history.statistics : undefined;
  }

  publishToUsers(): undefined {
    // There is no other node.
  }

  room(): undefined {
    // Nothing is sent.
  }

  terminate(): undefined {
    // There is no other node.
  }

  remove(channel: string, userId: string): undefined {
    this.#channels.get(channel)?.leaving.get(userId)?.end();
  }

  ask(): undefined {
    // There is no other node.
  }

  watch(userChannels: readonly string[], done: (online: ReadonlySet<string>) => void): void {
    done(this.#online(userChannels));
  }

  unwatch(): void {
    // Every change of a status is announced; the engine knows which of them are watched.
  }

  async channels(prefix: string): Promise<readonly ChannelInfo[]> {
    // By name: a channel that is vacated and occupied again meanwhile is at the end of the map too.
    const found = new Map<string, ChannelInfo>();
    let visited = 0;
    for (const [name, { isVacant }] of this.#channels) {
      if (++visited % CHANNELS_PER_TURN === 0) await nextTurn();
      if (name.startsWith(prefix) && !isUserChannel(name) && !isVacant) found.set(name, this.#info(name));
    }
    return [...found.values()];
  }

  async channel(name: string): Promise<ChannelInfo> {
    return this.#info(name);
  }

  async members(channel: string): Promise<readonly User[]> {
    return [...this.roster(channel).values()];
  }

  async online(userChannels: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#online(userChannels);
  }

  retire(): undefined {
    // There is no other node that could take the clients.
  }

  caughtUp(): undefined {
    // There are no other nodes to hear of.
  }

  problem(): undefined {
    // One node can always reach itself.
  }

  /** Ends every grace period now, stops every timer, and forgets every channel. */
  async close(): Promise<void> {
    for (const [channel, occupancy] of [...this.#channels]) {
      for (const { end } of [...occupancy.leaving.values()]) end();
      if (this.#channels.has(channel) && occupancy.isVacant) this.#vacated(channel, occupancy);
    }
    this.#channels.clear();
    this.#cache.dispose();
    this.history.close();
    this.#counts?.dispose();
  }

  #isFull({ roster }: Occupancy): boolean {
    return this.#maximumMembers !== 0 && roster.size >= this.#maximumMembers;
  }

  /** Emitted once while the channel stays occupied and remembers no event. */
  #emitMiss(channel: string, occupancy: Occupancy): void {
    if (occupancy.isMissEmitted || !channelType(channel).cached || this.cached(channel) !== undefined) return;
    occupancy.isMissEmitted = true;
    this.#self.emit({ name: 'cache_miss', channel });
  }

  #addMember(channel: string, { roster, leaving }: Occupancy, user: User): void {
    leaving.get(user.id)?.timer.cancel();
    leaving.delete(user.id);
    const known = roster.get(user.id);
    roster.set(user.id, user);
    if (known !== undefined) {
      if (!isDeepStrictEqual(known.info, user.info)) this.#self.memberChanged(channel, user);
      return;
    }
    this.#self.memberAdded(channel, user);
    this.#self.emit({ name: 'member_added', channel, user_id: user.id });
  }

  #removeMember(channel: string, occupancy: Occupancy, userId: string): void {
    occupancy.leaving.get(userId)?.timer.cancel();
    occupancy.leaving.delete(userId);
    occupancy.roster.delete(userId);
    this.#self.memberRemoved(channel, userId);
    this.#self.emit({ name: 'member_removed', channel, user_id: userId });
    if (occupancy.isVacant) this.#vacated(channel, occupancy);
  }

  /** A user's own channel emits no channel events: the user is online while it is occupied. */
  #occupied(channel: string): void {
    if (isUserChannel(channel)) this.#self.statusChanged(channel, true);
    else this.#self.emit({ name: 'channel_occupied', channel });
  }

  #vacated(channel: string, occupancy: Occupancy): void {
    this.#channels.delete(channel);
    occupancy.vacating?.cancel();
    this.#counts?.forget(channel);
    if (isUserChannel(channel)) this.#self.statusChanged(channel, false);
    else this.#self.emit({ name: 'channel_vacated', channel });
  }

  #online(userChannels: readonly string[]): ReadonlySet<string> {
    return new Set(userChannels.filter((channel) => this.#channels.has(channel)));
  }

  #info(name: string): ChannelInfo {
    const occupancy = this.#channels.get(name);
    return {
      name,
      isOccupied: occupancy !== undefined && !occupancy.isVacant,
      subscriptionCount: occupancy?.subscriptions ?? 0,
      userCount: occupancy?.roster.size ?? 0,
      cached: this.#cache.get(name),
    };
  }
}
