import type { ChannelEvent } from './channel-events.js';
import type { User } from './user.js';

/** An event on its way to whoever is subscribed to a channel. */
export interface ChannelMessage {
  readonly event: string;
  /** The data's JSON text; `undefined` where there is none. */
  readonly data: string | undefined;
  readonly exceptSocketId: string | undefined;
  /** Who sent it, where a client did, on a presence channel. */
  readonly userId?: string;
  /** Whether a client sent it, and not the application. Cache channels do not remember those. */
  readonly isClientEvent?: true;
}

/** How long a cache channel remembers its last event. Protocol section 3.9. */
export const CACHE_TTL_MS = 30 * 60 * 1_000;

/** The last event that the application sent to a cache channel. */
export interface CachedEvent {
  readonly event: string;
  /** The data's JSON text, as it was sent; `undefined` where there was none. */
  readonly data: string | undefined;
  /** When it is forgotten, in the clock's milliseconds. */
  readonly expiresAt: number;
}

/** What is known of a channel on all nodes together. */
export interface ChannelInfo {
  readonly name: string;
  readonly isOccupied: boolean;
  readonly subscriptionCount: number;
  /** Who is present; empty on channels without presence. */
  readonly userIds: readonly string[];
  /** What a cache channel remembers. */
  readonly cached: CachedEvent | undefined;
}

/** Why somebody cannot be present: the channel has as many members as it may have. */
export type JoinRefusal = 'full';

/** One process, as its cluster sees it: what it is told of the others and of all of them together. */
export interface ClusterNode {
  /** An event that another node sent, for this node's own subscribers. */
  deliver(channel: string, message: ChannelMessage): void;
  /** Another node ends every connection that is signed in as the user. */
  terminate(userId: string): void;
  /** A user came to a presence channel: the first connection on any node. In the same order on every node. */
  memberAdded(channel: string, user: User): void;
  /** A user's last connection on any node left a presence channel, and the user did not come back in time. */
  memberRemoved(channel: string, userId: string): void;
  /** How many subscriptions a channel has on all nodes. */
  counted(channel: string, count: number): void;
  /** A watched user came online or went offline. */
  statusChanged(userId: string, isOnline: boolean): void;
  /** Something happened on a channel. Told to one node only, whichever brought it about. */
  emit(event: ChannelEvent): void;
}

/** What did not arrive, since the process started. */
export interface ClusterStatistics {
  /** Messages to other nodes that Redis did not take. */
  readonly undelivered: number;
  /** Messages from Redis that no node of this cluster can have sent. */
  readonly malformed: number;
}

/**
 * What makes several nodes one: who is subscribed and present anywhere, what cache channels remember, and the way to the
 * other nodes. A node serves its own sockets itself, and first; it asks the cluster for the others.
 *
 * Calls never throw. With one node everything is answered within the call; with more of them later, and always.
 */
export interface Cluster {
  /** This node's name among the others; `undefined` where there are none. */
  readonly node: string | undefined;
  /** How many channels something is kept of on this node: for as long as one is occupied, or somebody may come back. */
  readonly size: number;
  /** Whether a channel is one of them. */
  knows(channel: string): boolean;

  /** Takes part from now on, as a process that has connections or will have. Resolves when it does, or cannot. */
  start(): Promise<void>;

  /**
   * A connection of this node subscribes to a channel, on presence channels as a user.
   *
   * @param subscriptions how many of the channel there are on this node with it
   * @param done called once it counts on all nodes, and this node hears what they send; or once it was refused
   */
  join(
    channel: string,
    subscriptions: number,
    user: User | undefined,
    done: (refusal?: JoinRefusal) => void,
  ): void;
  /**
   * A connection of this node is no longer subscribed.
   *
   * @param subscriptions how many of the channel are left on this node
   * @param userId the user who is present through no other connection of this node now
   * @param isDeliberate whether it is told at once, and not after the grace period
   */
  leave(channel: string, subscriptions: number, userId: string | undefined, isDeliberate: boolean): void;

  /** Who is present on a channel that this node has subscriptions of. */
  roster(channel: string): ReadonlyMap<string, User>;
  /** What a cache channel remembers that this node has subscriptions of. */
  cached(channel: string): CachedEvent | undefined;

  /**
   * Sends an event to the channel's subscribers on the other nodes. Remembers it, where it is the application's and the
   * channel is one that does.
   *
   * @returns rejects when they could not be reached; nothing where there is nothing to wait for
   */
  publish(channel: string, message: ChannelMessage): Promise<void> | undefined;
  /** Ends a user's connections on the other nodes; rejects when they could not be reached. */
  terminate(userId: string): Promise<void> | undefined;

  /** Tells of these users from now on, and calls back with which of them are online. */
  watch(userIds: readonly string[], done: (online: ReadonlySet<string>) => void): void;
  /** Tells of these users no more. */
  unwatch(userIds: readonly string[]): void;

  /** The occupied channels whose names begin with a prefix, without users' own; rejects when it cannot be known. */
  channels(prefix: string): Promise<readonly ChannelInfo[]>;
  /** What is known of a channel, occupied or not; rejects when it cannot be known. */
  channel(name: string): Promise<ChannelInfo>;
  /** Which of these users are signed in on at least one connection; rejects when it cannot be known. */
  online(userIds: readonly string[]): Promise<ReadonlySet<string>>;

  /**
   * Resolves when this node has heard everything that the other nodes had sent before; nothing where there are none.
   * Rejects when that cannot be known.
   */
  caughtUp(): Promise<void> | undefined;

  /** What did not arrive; `undefined` where there is one node only. */
  readonly statistics: ClusterStatistics | undefined;
  /** Why the other nodes cannot be reached now; nothing while they can. */
  problem(): string | undefined;
  /** Gives up this node's part, once its connections are gone, and releases every connection and timer. */
  close(): Promise<void>;
}

/** What calls of a {@link Cluster} reject with. Why is said without secrets. */
export class ClusterUnreachableError extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'ClusterUnreachableError';
  }
}

/** Makes a node part of its cluster. */
export type JoinCluster = (node: ClusterNode) => Cluster;

/** The inversify token of {@link JoinCluster}. */
export const JOIN_CLUSTER = Symbol.for('nestjs-switchboard.JoinCluster');
