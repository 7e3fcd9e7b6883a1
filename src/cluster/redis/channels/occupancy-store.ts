import type { SocketConfig } from '../../../ports/socket-config.js';
import { channelType } from '../../../protocol/channel-name.js';
import { run, script } from '../../../redis/redis-scripts.js';
import type { Bus } from '../bus.js';
import type { RedisConnection } from '../connection/redis-connection.js';
import type { RedisKeys } from '../connection/redis-keys.js';
import type { RedisLink } from '../connection/redis-link.js';
import type { Leases } from '../leases.js';
import type { RememberedEvents } from '../remembered-events.js';
import {
  type OccupancyAction,
  type OccupancyChange,
  type OccupancyRequest,
  readOccupancyChange,
  readSyncReply,
  type RequestContext,
  type SyncReply,
  type SyncReport,
} from '../scripts/occupancy-messages.js';
import { OCCUPANCY_SCRIPT } from '../scripts/occupancy-script.js';

const OCCUPANCY = script(OCCUPANCY_SCRIPT);

/** The parts that an {@link OccupancyStore} works with. */
export interface StoreParts {
  readonly config: SocketConfig;
  readonly link: RedisLink;
  readonly keys: RedisKeys;
  readonly leases: Leases;
  readonly bus: Bus;
  readonly remembered: RememberedEvents;
}

/** The subscriptions and members of channels in Redis. Every call rejects when Redis cannot be reached. */
export class OccupancyStore {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** Whether Redis can be reached. */
  get isUp(): boolean {
    return this.#parts.link.isUp;
  }

  /** The name under which Redis has what this node reports. */
  get leaseName(): string {
    return this.#parts.leases.name;
  }

  /** Reports what this node has on a channel. Remembers the cached event of the reply. */
  async sync(channel: string, report: SyncReport): Promise<SyncReply> {
    const { leases, remembered } = this.#parts;
    const isCached = channelType(channel).cached;
    const cachedEvent = isCached && report.full !== undefined ? remembered.toStore(channel) : undefined;
    const action = { mode: 'sync', ...report, ...this.#limits(), isCached, cachedEvent } as const;
    const answer = await this.#run(channel, leases.name, action, cachedEvent?.text.length);
    const reply = readSyncReply(answer);
    if (reply.unknown !== true && reply.cache !== undefined) {
      remembered.stored(channel, reply.cache.text, reply.cache.ttlMs);
    }
    return reply;
  }

  /**
   * Ends the grace periods of a channel that are over, and announces its count if that is due.
   *
   * @param removed a user whose grace period is over now
   */
  async settle(channel: string, removed?: string): Promise<OccupancyChange> {
    return readOccupancyChange(await this.#run(channel, this.leaseName, { mode: 'settle', removed }));
  }

  /**
   * Removes from a channel everything that belongs to a node whose lease has expired.
   *
   * @param node the name of that lease
   * @param since when that node was last heard of, in milliseconds by Redis's clock
   * @param isLast whether to end all grace periods of the channel, because no other node is left that would
   */
  async reap(channel: string, node: string, since: number, isLast: boolean): Promise<OccupancyChange> {
    const { graceMs } = this.#limits();
    return readOccupancyChange(await this.#run(channel, node, { mode: 'reap', graceMs, since, isLast }));
  }

  /** Subscribes this node to a channel's bus, and puts the channel on the list of this node's channels. */
  async register(channel: string): Promise<void> {
    const { bus, keys } = this.#parts;
    await Promise.all([bus.subscribe(keys.bus(channel)), this.list(channel)]);
  }

  /** Unsubscribes this node from a channel's bus. Forgets its cached event, which would become outdated. */
  async unsubscribe(channel: string): Promise<void> {
    const { bus, keys, remembered } = this.#parts;
    remembered.forget(channel);
    await bus.unsubscribe(keys.bus(channel));
  }

  /** Puts a channel on the list of this node's channels, which are reaped when its lease is over. */
  async list(channel: string): Promise<void> {
    const { link, keys } = this.#parts;
    await link.use(({ client }) => client.sadd(keys.channelsOf(this.leaseName), channel));
  }

  /** Takes a channel off that list. */
  async deregister(channel: string): Promise<void> {
    const { link, keys } = this.#parts;
    await link.use(({ client }) => client.srem(keys.channelsOf(this.leaseName), channel));
  }

  /** Renews this node's lease, because Redis does not know this node on a channel where it should. Never rejects. */
  renewLease(): Promise<void> {
    return this.#parts.leases.renew();
  }

  #limits(): { readonly graceMs: number; readonly maximumMembers: number } {
    const { presenceGraceMs, limits } = this.#parts.config.gateway;
    return { graceMs: presenceGraceMs, maximumMembers: limits.presenceMembers };
  }

  #run(channel: string, node: string, action: OccupancyAction, bytes?: number): Promise<unknown> {
    const { config, keys, link } = this.#parts;
    const runOn = (redis: RedisConnection) => {
      const values: OccupancyRequest = {
        ...action,
        node,
        kind: kindOf(channel),
        hasCounts: config.gateway.subscriptionCount,
        isSharded: redis.isSharded,
      };
      return run(redis, OCCUPANCY, keys.occupancy(channel, node), [JSON.stringify(values)]);
    };
    return link.use(runOn, bytes);
  }
}

function kindOf(channel: string): RequestContext['kind'] {
  const { access } = channelType(channel);
  return access === 'presence' || access === 'user' ? access : 'plain';
}
