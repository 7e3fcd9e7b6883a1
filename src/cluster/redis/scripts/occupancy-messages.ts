import * as v from 'valibot';
import type { LeaveEntry, MemberEntry } from '../channels/local-members.js';

/** The part of a report for a Redis that may not have this node's last report, or has something that is no longer so. */
export interface FullReport {
  /** The members who were reported before, with those who left since. */
  readonly reported: readonly MemberEntry[];
  /** The lease name under which the node was counted last; empty when its last report had no subscriptions. */
  readonly countedAs: string;
  /** Whether Redis has lost its data, and the nodes have not. */
  readonly isDataLost: boolean;
  /** The members who were present through other nodes, or through none. They get time to be claimed by their nodes. */
  readonly unclaimed: readonly MemberEntry[];
  /** Whether the channel had no subscribers any more, and its grace period was running, when Redis lost its data. */
  readonly wasVacating: boolean;
}

/** A node's report about one channel: the changes since its last report, and everything if need be. */
export interface SyncReport {
  /** How many subscriptions the node has. */
  readonly subscriptions: number;
  /** Everything the node has; `undefined` when Redis has what was reported last. */
  readonly full: FullReport | undefined;
  readonly joins: readonly MemberEntry[];
  readonly leaves: readonly LeaveEntry[];
  /** The ids of those joins that are refused when the channel is full. The other joins were let in before. */
  readonly refusable: readonly string[];
  /** Whether there are new subscribers, who will be sent the cached event. */
  readonly hasNewSubscribers: boolean;
  /** Whether the last subscriber of the node left deliberately: then the channel has no grace period. */
  readonly isLeaveDeliberate: boolean;
  /** The version of the roster that the node has. */
  readonly rosterVersion: string;
}

/** Brings Redis's record of the node up to date. */
export interface SyncAction extends SyncReport {
  readonly mode: 'sync';
  readonly graceMs: number;
  /** The most members; 0 allows any number. */
  readonly maximumMembers: number;
  /** Whether the channel remembers its last event. */
  readonly isCached: boolean;
  /** The event that the node remembers, for a Redis that may have lost it. */
  readonly cachedEvent: { readonly text: string; readonly ttlMs: number } | undefined;
}

/** Ends the grace periods that are over, and announces a count that is due. */
export interface SettleAction {
  readonly mode: 'settle';
  /** A user whom the application has removed: the user's grace period is over now, if it is running. */
  readonly removed: string | undefined;
}

/** Removes everything that a node had whose lease is over. */
export interface ReapAction {
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
  readonly hasCounts: boolean;
  /** Whether messages are published by shard: the server is a Redis Cluster. */
  readonly isSharded: boolean;
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
  changes: list(v.object({ version: v.string(), id: v.string(), info: v.optional(v.string()) })),
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
  cache: v.optional(v.object({ text: v.string(), ttlMs: v.number() })),
});
const syncReply = v.union([v.object({ unknown: v.literal(true) }), occupancyChange]);

/** The changes that the script has made, and the state that the node needs. */
export type OccupancyChange = v.InferOutput<typeof occupancyChange>;

/** The reply to `sync`. `unknown` means that nothing was done, because Redis does not have this node on the channel. */
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
