import { ClusterUnreachableError } from '../../../ports/cluster.js';
import type { SocketConfig } from '../../../ports/socket-config.js';
import { channelType } from '../../../protocol/channel-name.js';
import { run, script } from '../../../redis/redis-scripts.js';
import type { Bus } from '../bus.js';
import type { RedisConnection } from '../connection/redis-connection.js';
import type { RedisKeys } from '../connection/redis-keys.js';
import type { RedisLink } from '../connection/redis-link.js';
import { scan } from '../connection/scan.js';
import type { HistoryFeeds } from '../history/history-feeds.js';
import type { Leases, Reaped } from '../leases.js';
import type { RememberedEvents } from '../remembered-events.js';
import { type ChannelLook, readNodes } from '../scripts/channel-record.js';
import {
  type FullReport,
  type OccupancyAction,
  type OccupancyChange,
  type OccupancyRequest,
  readOccupancyChange,
  readSyncReply,
  type RequestContext,
  type SyncAction,
  type SyncReply,
  type SyncReport,
} from '../scripts/occupancy-messages.js';
import { OCCUPANCY_SCRIPT } from '../scripts/occupancy-script.js';

const OCCUPANCY = script(OCCUPANCY_SCRIPT);
/** How many channels of the list are read at a time. */
const LISTED = 500;

/** The parts that an {@link OccupancyStore} works with. */
export interface StoreParts {
  readonly config: SocketConfig;
  readonly link: RedisLink;
  readonly keys: RedisKeys;
  readonly leases: Leases;
  readonly bus: Bus;
  readonly feeds: Pick<HistoryFeeds, 'listening' | 'deaf'>;
  readonly remembered: RememberedEvents;
}

/** The subscriptions and members of channels in Redis. Every call rejects when Redis cannot be reached. */
export class OccupancyStore {
  readonly #parts: StoreParts;
  #reports = 0;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** Whether Redis can be reached. */
  get isUp(): boolean {
    return this.#parts.link.isUp;
  }

  /** Whether Redis has this node's lease, as far as this node knows. */
  get isKnown(): boolean {
    return this.#parts.leases.isFresh;
  }

  /** The name under which Redis has what this node reports. */
  get leaseName(): string {
    return this.#parts.leases.name;
  }

  /** The number of the last report of this process, of any channel. */
  get reports(): number {
    return this.#reports;
  }

  /** Counts a report. */
  nextReport(): number {
    return ++this.#reports;
  }

  /**
   * Renews this node's lease if that is late. A node that stood still may have been reaped: then it has to report under another
   * name, and not as if Redis had lost what it reported. Never rejects.
   */
  async keepLease(): Promise<void> {
    const { leases } = this.#parts;
    if (!leases.isFresh) await leases.renew();
  }

  /** Reports what this node has on a channel, under a lease that is kept. Remembers the cached event of the reply. */
  async sync(channel: string, report: SyncReport): Promise<SyncReply> {
    const { leases, remembered, config } = this.#parts;
    const { presenceGraceMs, limits } = config.gateway;
    const { subscriptions, full, joins, leaves, areAllBack } = report;
    const isCached = channelType(channel).cached;
    const cachedEvent = isCached && full !== undefined ? remembered.toStore(channel) : undefined;
    const canLeave = subscriptions === 0 || full !== undefined || leaves !== undefined || areAllBack === true;
    const canBeRefused = limits.presenceMembers > 0 && joins?.some(([, , isRefusable]) => isRefusable === 1);
    const action: SyncAction = {
      mode: 'sync',
      ...report,
      graceMs: canLeave ? presenceGraceMs : undefined,
      maximumMembers: canBeRefused === true ? limits.presenceMembers : undefined,
      isCached: isCached ? true : undefined,
      cachedEvent,
    };
    const reply = readSyncReply(await this.#run(channel, leases.name, action, cachedEvent?.text.length));
    if (reply.unknown !== true && reply.cache !== undefined) {
      remembered.stored(channel, reply.cache.text, reply.cache.ttlMs);
    }
    return reply;
  }

  /** Removes from a channel what Redis has of this node, although the node does not know the channel. */
  async disown(channel: string): Promise<OccupancyChange | undefined> {
    const answered = this.#reports;
    const full: FullReport = { ...NOTHING, countedAs: this.leaseName };
    const report = { report: this.nextReport(), answered, subscriptions: 0, full, isQuiet: true } as const;
    const reply = await this.sync(channel, report);
    return reply.unknown === true ? undefined : reply;
  }

  /**
   * Ends the grace periods of a channel that are over, and announces its count if that is due.
   *
   * @param removed a user whose grace period is over now
   */
  async settle(channel: string, removed?: string): Promise<OccupancyChange> {
    return readOccupancyChange(await this.#run(channel, this.leaseName, { mode: 'settle', removed }));
  }

  /** Removes from a channel everything that belongs to a node whose lease is over. A lost reply is repeated. */
  async reap(channel: string, { node, since, isLast, wasReaped }: Reaped): Promise<OccupancyChange> {
    const { presenceGraceMs: graceMs } = this.#parts.config.gateway;
    const quiet = wasReaped ? ({ isQuiet: true, full: { ...NOTHING, countedAs: node } } as const) : undefined;
    const action = { mode: 'reap', ...REAPING, ...quiet, graceMs, since, isLast } as const;
    return readOccupancyChange(await this.#run(channel, node, action));
  }

  /** Reads the records of channels, and puts the channels on the list of this node's channels. */
  async look(
    channels: readonly string[],
  ): Promise<{ readonly now: number; readonly looks: readonly ChannelLook[] }> {
    const { link, keys } = this.#parts;
    const [[seconds], , ...records] = await link.use(({ client }) =>
      Promise.all([
        client.time(),
        client.sadd(keys.channelsOf(this.leaseName), ...channels),
        ...channels.map((channel) => client.hmget(keys.bus(channel), 'nodes', 'version', 'due', 'vacates')),
      ]),
    );
    return { now: Number(seconds) * 1_000, looks: records.map(readLook) };
  }

  /** Subscribes this node to a channel's bus, so that it can report the channel. */
  async register(channel: string): Promise<void> {
    const { bus, feeds, keys } = this.#parts;
    await Promise.all([bus.subscribe(keys.bus(channel)), this.prepare(channel)]);
    feeds.listening(channel);
  }

  /**
   * Puts the channel on the list of this node's channels, before a report of it. A report to a single server does so itself, in one
   * step with the record.
   */
  async prepare(channel: string): Promise<void> {
    const { link, keys } = this.#parts;
    await link.use(async ({ client, isSharded }) => {
      if (isSharded) await client.sadd(keys.channelsOf(this.leaseName), channel);
    });
  }

  /** Unsubscribes this node from a channel's bus. Forgets its cached event, which would become outdated. */
  async unsubscribe(channel: string): Promise<void> {
    const { bus, feeds, keys, remembered } = this.#parts;
    remembered.forget(channel);
    feeds.deaf(channel);
    await bus.unsubscribe(keys.bus(channel));
  }

  /** Puts a channel on the list of this node's channels, which are reaped when its lease is over. */
  async list(channel: string): Promise<void> {
    const { link, keys } = this.#parts;
    await link.use(({ client }) => client.sadd(keys.channelsOf(this.leaseName), channel));
  }

  /** The channels on that list, some at a time. */
  listed(): AsyncGenerator<readonly string[]> {
    const { link, keys } = this.#parts;
    return scan((cursor) =>
      link.use(({ client }) => client.sscan(keys.channelsOf(this.leaseName), cursor, 'COUNT', LISTED)),
    );
  }

  /** Takes a channel off that list. */
  async deregister(channel: string): Promise<void> {
    const { link, keys } = this.#parts;
    await link.use(({ client }) => client.srem(keys.channelsOf(this.leaseName), channel));
  }

  /**
   * Renews this node's lease, because Redis does not know this node on a channel where it should.
   *
   * @throws ClusterUnreachableError when that fails
   */
  async renewLease(): Promise<void> {
    const { leases } = this.#parts;
    await leases.renew();
    if (leases.problem !== undefined) throw new ClusterUnreachableError(leases.problem);
  }

  #run(channel: string, node: string, action: OccupancyAction, bytes?: number): Promise<unknown> {
    const { config, keys, link } = this.#parts;
    const runOn = (redis: RedisConnection) => {
      const request: OccupancyRequest = {
        ...action,
        node,
        kind: kindOf(channel),
        hasCounts: config.gateway.subscriptionCount ? true : undefined,
        isSharded: redis.isSharded ? true : undefined,
      };
      const record = keys.bus(channel);
      // A script of a Redis Cluster cannot see the leases and the lists: they are in other slots.
      const names = redis.isSharded ? [record] : [record, keys.nodes, keys.channelsOf(node)];
      return run(redis, OCCUPANCY, names, [JSON.stringify(request)]);
    };
    return link.use(runOn, bytes);
  }
}

/** The number by which a repeated reaping finds the events of the one before. The node itself has never sent a report of it. */
const REAPING = {
  report: Number.MAX_SAFE_INTEGER,
  answered: Number.MAX_SAFE_INTEGER - 1,
  isRepeated: true,
} as const;

/** The content of a full report that has nothing. */
const NOTHING = {
  reported: [],
  waiting: [],
  unclaimed: [],
  wasSubscribed: false,
  wasVacating: false,
  rosterVersion: 0,
} as const;

function readLook([nodes, version, due, vacates]: readonly (string | null | undefined)[]): ChannelLook {
  const deadline = (text: string | null | undefined) => Number(text ?? Number.POSITIVE_INFINITY);
  return {
    nodes: readNodes(nodes ?? ''),
    version: Number(version ?? 0),
    dueAt: Math.min(deadline(due), deadline(vacates)),
  };
}

function kindOf(channel: string): RequestContext['kind'] {
  const { access } = channelType(channel);
  return access === 'presence' || access === 'user' ? access : 'plain';
}
