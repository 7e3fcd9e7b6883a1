import * as v from 'valibot';
import type { MemberEntry } from '../channels/local-members.js';

/** The part of a report for a Redis that may not have this node's last report, or has something that is no longer so. */
export interface FullReport {
  /** The members who were reported before, with those who left since. */
  readonly reported: readonly MemberEntry[];
  /** The ids of members of this node who are not reported yet, because the recovery window is open. */
  readonly waiting: readonly string[];
  /** The lease name under which Redis had the node last; empty when the node has no part in the channel. */
  readonly countedAs: string;
  /** Whether the node had subscriptions then. */
  readonly wasSubscribed: boolean;
  /** The members who were present through other nodes, or through none. They get time to be claimed by their nodes. */
  readonly unclaimed: readonly MemberEntry[];
  /** Whether the channel had no subscribers any more, and its grace period was running, when Redis lost its data. */
  readonly wasVacating: boolean;
  /** The version of the roster that the node has; 0 while it has none. */
  readonly rosterVersion: number;
}

/** A user who joins. A user is refused when the channel is full, unless the user was let in before. */
export type SentJoin = readonly [...MemberEntry, isRefusable: 0 | 1];

/** A user who left. A deliberate leave has no grace period. */
export type SentLeave = readonly [id: string, isDeliberate: 0 | 1];

/** A node's report about one channel: the changes since its last report, and everything if need be. Absent means no, or none. */
export interface SyncReport {
  /** The number of this report. Numbers of one process only go up. */
  readonly report: number;
  /** The number of the last report of this node that was answered. */
  readonly answered: number;
  /** Whether reports were sent since that were not answered. */
  readonly isRepeated?: true | undefined;
  /** How many subscriptions the node has. */
  readonly subscriptions: number;
  /** Everything the node has; absent when Redis has what was reported last. */
  readonly full?: FullReport | undefined;
  readonly joins?: readonly SentJoin[] | undefined;
  readonly leaves?: readonly SentLeave[] | undefined;
  /** Whether there are new subscribers, who will be sent the cached event. */
  readonly hasNewSubscribers?: true | undefined;
  /** Whether the last subscriber of the node left deliberately: then the channel has no grace period. */
  readonly isLeaveDeliberate?: true | undefined;
  /** Whether the node needs the whole roster. */
  readonly isRosterWanted?: true | undefined;
  /** Whether the recovery window is open: then other nodes may not have reported what Redis has lost. */
  readonly isSettling?: true | undefined;
  /** Whether nodes may not have reported yet what Redis has lost, so that nobody is told gone. */
  readonly isHolding?: true | undefined;
  /** Whether every node has reported what Redis had lost: then nobody is waited for any longer than without a loss. */
  readonly areAllBack?: true | undefined;
  /** Whether the node has waited long enough for other nodes to report again a channel that Redis has lost. */
  readonly hasWaited?: true | undefined;
  /** Whether the node has no part in the channel, and Redis has it there all the same: what it lost was told. */
  readonly isQuiet?: true | undefined;
}

/** Brings Redis's record of the node up to date. */
export interface SyncAction extends SyncReport {
  readonly mode: 'sync';
  /** How long a member may be away; absent when nobody can leave with this report. */
  readonly graceMs?: number | undefined;
  /** The most members; absent for any number. */
  readonly maximumMembers?: number | undefined;
  /** Whether the channel remembers its last event. */
  readonly isCached?: true | undefined;
  /** The event that the node remembers, for a Redis that may have lost it. */
  readonly cachedEvent?: { readonly text: string; readonly ttlMs: number } | undefined;
}

/** Ends the grace periods that are over, and announces a count that is due. */
export interface SettleAction {
  readonly mode: 'settle';
  /** A user whom the application has removed: the user's grace period is over now, if it is running. */
  readonly removed?: string | undefined;
}

/** Removes everything that a node had whose lease is over. */
export interface ReapAction extends Pick<
  SyncReport,
  'report' | 'answered' | 'isRepeated' | 'isQuiet' | 'full'
> {
  readonly mode: 'reap';
  readonly graceMs: number;
  /** When the node was last heard of, in milliseconds by Redis's clock: its members' grace periods begin then. */
  readonly since: number;
  /** Whether to end all grace periods of the channel now: no other node is left that would. */
  readonly isLast: boolean;
}

/** One of the actions of the occupancy script. */
export type OccupancyAction = SyncAction | SettleAction | ReapAction;

/** The fields that every request has. */
export interface RequestContext {
  /** The lease name of the node that is asking, or that is reaped. */
  readonly node: string;
  readonly kind: 'presence' | 'user' | 'plain';
  /** Whether subscription counts are announced. */
  readonly hasCounts?: true | undefined;
  /** Whether messages are published by shard: the server is a Redis Cluster. */
  readonly isSharded?: true | undefined;
}

/** A request to the occupancy script. */
export type OccupancyRequest = RequestContext & OccupancyAction;

// Lua's encoder writes an empty list as an empty object.
const list = <T>(item: v.GenericSchema<unknown, T>) =>
  v.union([
    v.array(item),
    v.pipe(
      v.strictObject({}),
      v.transform((): T[] => []),
    ),
  ]);

const occupancyChange = v.object({
  unknown: v.optional(v.undefined()),
  version: v.string(),
  events: list(
    v.union([
      v.object({ name: v.picklist(['channel_occupied', 'channel_vacated', 'cache_miss']) }),
      v.object({ name: v.picklist(['member_added', 'member_removed']), user_id: v.string() }),
      v.object({ name: v.literal('subscription_count'), subscription_count: v.number() }),
    ]),
  ),
  refused: list(v.string()),
  roster: v.optional(list(v.string())),
  /** The members of the roster who are in it only because they may come back. */
  leaving: v.optional(list(v.string())),
  status: v.optional(v.object({ version: v.string(), online: v.boolean() })),
  /** The subscriptions on all nodes, when they are to be announced now. */
  count: v.optional(v.number()),
  /** Milliseconds until the count may be announced. */
  recountMs: v.optional(v.number()),
  /** Milliseconds until the next grace period is over. */
  graceMs: v.optional(v.number()),
  /** Whether the grace period of the channel as a whole is running. */
  isVacating: v.optional(v.boolean()),
  cache: v.optional(v.object({ text: v.string(), ttlMs: v.number() })),
});
const syncReply = v.union([
  v.object({ unknown: v.literal(true), isLost: v.optional(v.literal(true)) }),
  occupancyChange,
]);

/** The changes that the script has made, and the state that the node needs. */
export type OccupancyChange = v.InferOutput<typeof occupancyChange>;

/**
 * The reply to `sync`. `unknown` means that nothing was done, because Redis does not have this node's last report, or its lease. With
 * `isLost` it has lost the channel, and other nodes were asked to report it again.
 */
export type SyncReply = v.InferOutput<typeof syncReply>;

/** Reads the reply to `sync`. */
export function readSyncReply(text: unknown): SyncReply {
  return v.parse(syncReply, parseReply(text));
}

/** Reads the reply to `settle` and `reap`. */
export function readOccupancyChange(text: unknown): OccupancyChange {
  return v.parse(occupancyChange, parseReply(text));
}

function parseReply(text: unknown): unknown {
  return JSON.parse(v.parse(v.string(), text));
}
