import pLimit from 'p-limit';
import pMap from 'p-map';
import type { Clock, Timer } from '../../../ports/clock.js';
import type { ClusterNode } from '../../../ports/cluster.js';
import type { SocketLogger } from '../../../ports/logger.js';
import type { SocketConfig } from '../../../ports/socket-config.js';
import { userOfChannel } from '../../../protocol/channel-name.js';
import type { Bus } from '../bus.js';
import type { BusMessage } from '../bus-message.js';
import { ChannelSync } from './channel-sync.js';
import type { ChannelRequest, LinkHost } from './link-host.js';
import type { Leases } from '../leases.js';
import {
  kindOf,
  OCCUPANCY_SCRIPT,
  type OccupancyReply,
  type OccupancyRequest,
  readOccupancyReply,
} from '../scripts/occupancy-script.js';
import type { RedisKeys } from '../connection/redis-keys.js';
import type { RedisLink } from '../connection/redis-link.js';
import { run, script } from '../../../redis/redis-scripts.js';
import type { RememberedEvents } from '../remembered-events.js';
import type { WatchedUsers } from '../watched-users.js';

const OCCUPANCY = script(OCCUPANCY_SCRIPT);
/** So many channels are restored at a time when Redis is back: fast, and no storm. */
const RESTORE_CONCURRENCY = 256;
/** Where its data is lost, nodes first tell it what everybody knew, and so much later what is new since. */
const NEWS_MS = 1_500;
/** So many steps are under way at a time: more of them would take no less time, and hold up everything else. */
const STEPS = 512;
const FAILURE_LOG_MS = 10_000;

/** What the links share. */
export interface LinkParts {
  readonly config: SocketConfig;
  readonly clock: Clock;
  readonly logger: SocketLogger;
  readonly self: ClusterNode;
  readonly link: RedisLink;
  readonly keys: RedisKeys;
  readonly leases: Leases;
  readonly bus: Bus;
  readonly remembered: RememberedEvents;
  readonly watched: WatchedUsers;
}

/** Every channel that this node has a part in. */
export class ChannelSyncs implements LinkHost {
  readonly #syncs = new Map<string, ChannelSync>();
  readonly #turns = pLimit(STEPS);
  #news: Timer | undefined;
  #toldFailureAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly parts: LinkParts) {}

  get size(): number {
    return this.#syncs.size;
  }

  get clock(): Clock {
    return this.parts.clock;
  }

  get self(): ClusterNode {
    return this.parts.self;
  }

  get isUp(): boolean {
    return this.parts.link.isUp;
  }

  get leaseName(): string {
    return this.parts.leases.name;
  }

  get graceMs(): number {
    return this.parts.config.gateway.presenceGraceMs;
  }

  get maximumMembers(): number {
    return this.parts.config.gateway.limits.presenceMembers;
  }

  get isHoldingNews(): boolean {
    return this.#news !== undefined;
  }

  inTurn(step: () => Promise<void>): Promise<void> {
    return this.#turns(step);
  }

  find(channel: string): ChannelSync | undefined {
    return this.#syncs.get(channel);
  }

  /** Whether this node has subscriptions of a channel. */
  isHeard(channel: string): boolean {
    return (this.find(channel)?.subscriptions ?? 0) > 0;
  }

  of(channel: string): ChannelSync {
    const known = this.#syncs.get(channel);
    if (known !== undefined) return known;
    const link = new ChannelSync(channel, this);
    this.#syncs.set(channel, link);
    return link;
  }

  /** Somebody's roster changed, on whichever node. */
  changed(channel: string, message: Extract<BusMessage, { kind: 'added' | 'removed' }>): void {
    this.#syncs.get(channel)?.changed(message);
  }

  /** Tells Redis everything anew. */
  async restore(isLost: boolean): Promise<void> {
    const syncs = [...this.#syncs.values()];
    for (const link of syncs) link.reset(isLost);
    if (isLost) this.#holdNews();
    const first = isLost ? syncs.filter(({ isOldNews }) => isOldNews) : syncs;
    await pMap(first, (link) => link.refresh(), { concurrency: RESTORE_CONCURRENCY });
  }

  #holdNews(): void {
    this.#news?.cancel();
    this.#news = this.clock.after(NEWS_MS, () => {
      this.#news = undefined;
      for (const link of [...this.#syncs.values()]) void link.tellNews();
    });
  }

  /** Redis is gone. */
  goOffline(): void {
    for (const link of this.#syncs.values()) link.goOffline();
  }

  /** Clears away what a node that is gone had on a channel. */
  async reap(channel: string, node: string, since: number, isLast: boolean): Promise<void> {
    const gone: ChannelRequest = {
      mode: 'reap',
      kind: kindOf(channel),
      count: 0,
      full: false,
      base: [],
      lost: false,
      countedAs: '',
      seeds: [],
      kept: false,
      awaited: [],
      joins: [],
      leaves: [],
      deliberate: false,
      known: '0',
      cached: false,
      joined: false,
      since,
      all: isLast,
    };
    const reply = await this.#run(channel, node, gone);
    if (reply.unknown === true) return;
    for (const event of reply.events) this.self.emit({ ...event, channel });
    const later = [reply.graceMs, reply.recountMs].filter((ms) => ms !== undefined);
    if (later.length === 0) return;
    await this.#note(channel);
    this.of(channel).expect(Math.min(...later));
  }

  /** Resolves when nothing is under way any more, to whether somebody may come back whom this node would have told gone. */
  async idle(): Promise<boolean> {
    await Promise.all([...this.#syncs.values()].map((link) => link.idle()));
    return [...this.#syncs.values()].some((link) => link.isExpecting);
  }

  close(): void {
    this.#news?.cancel();
    for (const link of this.#syncs.values()) link.close();
    this.#syncs.clear();
  }

  async occupy(channel: string, request: ChannelRequest): Promise<OccupancyReply> {
    const { remembered, leases } = this.parts;
    const store = request.cached && request.full ? { store: remembered.toStore(channel) } : {};
    const reply = await this.#run(channel, leases.name, { ...request, ...store });
    if (reply.unknown !== true && reply.cache !== undefined) {
      remembered.stored(channel, reply.cache.text, reply.cache.ttlMs);
    }
    return reply;
  }

  async register(channel: string): Promise<void> {
    const { bus, keys } = this.parts;
    await Promise.all([bus.subscribe(keys.bus(channel)), this.#note(channel)]);
  }

  async unsubscribe(channel: string): Promise<void> {
    const { bus, keys, remembered } = this.parts;
    remembered.forget(channel);
    await bus.unsubscribe(keys.bus(channel));
  }

  async deregister(channel: string): Promise<void> {
    const { link, keys, leases } = this.parts;
    await link.use(({ client }) => client.srem(keys.channelsOf(leases.name), channel));
  }

  forget(channel: string): void {
    this.#syncs.get(channel)?.close();
    this.#syncs.delete(channel);
  }

  statusChanged(channel: string, version: number, isOnline: boolean): void {
    const userId = userOfChannel(channel);
    if (userId !== undefined) this.parts.watched.learn(userId, isOnline, version);
  }

  doubt(): Promise<void> {
    return this.parts.leases.renew();
  }

  failed(channel: string, error: unknown): void {
    const now = this.clock.now();
    if (now - this.#toldFailureAt < FAILURE_LOG_MS) return;
    this.#toldFailureAt = now;
    this.parts.logger.warn(`Redis was not told of the channel ${channel}, and will be: ${String(error)}`);
  }

  async #note(channel: string): Promise<void> {
    const { link, keys, leases } = this.parts;
    await link.use(({ client }) => client.sadd(keys.channelsOf(leases.name), channel));
  }

  async #run(
    channel: string,
    node: string,
    request: ChannelRequest & Pick<OccupancyRequest, 'store'>,
  ): Promise<OccupancyReply> {
    const { config, keys, link } = this.parts;
    const answer = await link.use((redis) => {
      const values = {
        ...request,
        node,
        graceMs: this.graceMs,
        max: this.maximumMembers,
        counts: config.gateway.subscriptionCount,
        sharded: redis.isSharded,
      };
      return run(redis, OCCUPANCY, keys.occupancy(channel, node), [JSON.stringify(values)]);
    }, request.store?.text.length);
    return readOccupancyReply(answer);
  }
}
