import type { ChannelEvent } from './channel-events.js';
import type { HistoryStatistics, HistoryStore, Position } from './history.js';
import type { User } from './user.js';

/** An event on its way to the subscribers of a channel. */
export interface ChannelMessage {
  readonly event: string;
  /** The data's JSON text; `undefined` when there is none. */
  readonly data: string | undefined;
  /** The connection that does not get the event; `undefined` when all get it. */
  readonly exceptSocketId: string | undefined;
  /** The user who sent the event, when a client sent it on a presence channel. */
  readonly userId?: string;
  /** Set when a client sent the event, and not the application. Cache channels do not remember it. */
  readonly isClientEvent?: true;
  /** The position after the event, on channels with history. */
  readonly position?: Position;
}

/** How long a cache channel remembers its last event, in milliseconds. Protocol section 3.9. */
export const CACHE_TTL_MS = 30 * 60 * 1_000;

/** The last event that the application sent to a cache channel. */
export interface CachedEvent {
  readonly event: string;
  /** The data's JSON text, as it was sent; `undefined` when there was none. */
  readonly data: string | undefined;
  /** When the event is forgotten, in milliseconds of `Clock.now()`. */
  readonly expiresAt: number;
}

/** A channel on all nodes together. */
export interface ChannelInfo {
  readonly name: string;
  /** Whether the channel has subscriptions, or members whose grace period is running. */
  readonly isOccupied: boolean;
  readonly subscriptionCount: number;
  /** How many members there are; 0 on channels without presence. */
  readonly userCount: number;
  /** The last event of a cache channel; `undefined` when it remembers none. */
  readonly cached: CachedEvent | undefined;
}

/** Why a user cannot join a presence channel: it has as many members as it may have. */
export type JoinRefusal = 'full';

/** A question to a member, on its way to the member's browsers. */
export interface MemberAsk {
  /** Names it on all nodes. Nobody can guess it. */
  readonly id: string;
  readonly event: string;
  /** The payload's JSON text; `undefined` when there is none. */
  readonly json: string | undefined;
  /** Milliseconds that an answer is waited for. */
  readonly timeoutMs: number;
}

/** One browser's answer: the JSON text of its payload, or the words of its error. */
export type AskAnswer =
  { readonly json: string | undefined; readonly error?: undefined } | { readonly error: string };

/** One node, as its cluster sees it. The cluster calls it with what happens on other nodes, and on all nodes together. */
export interface ClusterNode {
  /** Another node has sent an event, or this one to a channel with history: delivers it to this node's own subscribers. */
  deliver(channel: string, message: ChannelMessage): void;
  /**
   * This node's subscribers of a channel with history get every event from this position on. They have not got the events between their
   * last one and this position.
   *
   * @param follows a subscriber at this position has got everything before `position`
   */
  live(channel: string, position: Position, follows?: Position): void;
  /** Another node has sent an event to the users of these channels: delivers it to this node's own connections. */
  deliverToUsers(userChannels: readonly string[], message: ChannelMessage): void;
  /** Another node has asked to end every connection that is signed in as the user of this channel. */
  terminate(userChannel: string): void;
  /** Another node has asked to end a user's subscriptions to a channel. */
  remove(channel: string, userId: string): void;
  /** Another node asks the user of this channel. `answered` takes the answers of this node's browsers to it. */
  askedElsewhere(userChannel: string, ask: MemberAsk, answered: (answer: AskAnswer) => void): void;
  /** A user has joined a presence channel, with the first connection on any node. All nodes are called in the same order. */
  memberAdded(channel: string, user: User): void;
  /** A member of a presence channel has another info now. The user was not away, so no channel event is emitted. */
  memberChanged(channel: string, user: User): void;
  /** A user has left a presence channel: with the last connection on any node, and after the grace period. */
  memberRemoved(channel: string, userId: string): void;
  /** The number of a channel's subscriptions on all nodes has changed. */
  counted(channel: string, count: number): void;
  /** The watched user of this channel has come online or gone offline. */
  statusChanged(userChannel: string, isOnline: boolean): void;
  /** Emits a channel event, for the listeners and webhooks of this node. Each event is emitted on one node only. */
  emit(event: ChannelEvent): void;
}

/** The messages that did not arrive, since the process started. */
export interface ClusterStatistics {
  /** Messages to other nodes that Redis did not take. */
  readonly undelivered: number;
  /** Messages from Redis that no node of this cluster can have sent. */
  readonly malformed: number;
}

/**
 * Makes several nodes one: it knows the subscriptions and members on all nodes, remembers the last events of cache
 * channels, and sends messages to the other nodes. A node serves its own connections itself. A user who is signed in is named
 * by the user's own channel.
 *
 * Calls never throw. Every callback is called: within the call when there is one node, otherwise later.
 */
export interface Cluster {
  /** This node's name in the cluster; `undefined` when there is one node only. */
  readonly node: string | undefined;
  /** How many channels this node has a part in: it has subscriptions, or a grace period to end. */
  readonly size: number;
  /** Whether this node has a part in a channel. */
  knows(channel: string): boolean;

  /**
   * Connects to the other nodes, and stays connected until {@link close}. Before, a connection is there only while a call needs
   * it.
   */
  open(): void;
  /**
   * Opens, and starts to take part in the cluster, as a node that has connections or will have some. A process that only publishes
   * does not need it. Resolves when the other nodes can know of this one, or when they cannot be reached. Never rejects.
   */
  start(): Promise<void>;

  /**
   * A connection of this node subscribes to a channel, on presence channels as a user.
   *
   * @param subscriptions how many subscriptions of the channel this node has with it
   * @param done called once: when the subscription counts on all nodes and this node hears what they send, or when it is
   * refused
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
   * @param subscriptions how many subscriptions of the channel are left on this node
   * @param userId the user who is present through no other connection of this node now
   * @param isDeliberate whether the leave has no grace period
   */
  leave(channel: string, subscriptions: number, userId: string | undefined, isDeliberate: boolean): void;

  /** The members of a channel that this node has subscriptions of. */
  roster(channel: string): ReadonlyMap<string, User>;
  /** The last event of a cache channel that this node has subscriptions of. */
  cached(channel: string): CachedEvent | undefined;

  /**
   * Sends an event to the channel's subscribers on the other nodes. A cache channel remembers it, if the application sent
   * it.
   *
   * @returns a promise that rejects when the other nodes cannot be reached; `undefined` when there is nothing to wait for
   */
  publish(channel: string, message: ChannelMessage): Promise<void> | undefined;
  /**
   * Keeps an event of a channel with history, which gives it its position, and sends it to the other nodes.
   *
   * @param key an event whose key came before within the window is not sent again; `undefined` for one that cannot come twice
   * @returns where there is one node only: the position, with which this node delivers the event itself; `undefined` for a repeated
   * one. With other nodes: a promise. The cluster delivers the event to this node too, in the order of the positions, and the promise
   * rejects when Redis cannot be reached: then the event has reached nobody, as far as can be known
   */
  append(
    channel: string,
    message: ChannelMessage,
    key: string | undefined,
  ): Position | undefined | Promise<void>;
  /**
   * The position from which this node's subscribers of a channel get every event; `undefined` on a channel without history, and
   * while it is not known: {@link ClusterNode.live} tells it then.
   */
  position(channel: string): Position | undefined;
  /** The logs of the channels with history, and the claims of relays. */
  readonly history: HistoryStore;
  /** The events that this process keeps, counted; `undefined` where no channel has history. */
  readonly historyStatistics: HistoryStatistics | undefined;
  /** How many users one call of {@link publishToUsers} may have; `Infinity` when there is one node only. */
  readonly usersAtOnce: number;
  /**
   * Sends an event to the users of these channels on the other nodes. The event's data goes there once.
   *
   * @returns a promise that rejects when the other nodes cannot be reached; `undefined` when there is nothing to wait for
   */
  publishToUsers(userChannels: readonly string[], message: ChannelMessage): Promise<void> | undefined;
  /** Resolves when more can be sent without being refused for its amount; `undefined` while it can. Never rejects. */
  room(): Promise<void> | undefined;
  /** Ends the connections of the user of this channel on the other nodes. Rejects when they cannot be reached. */
  terminate(userChannel: string): Promise<void> | undefined;

  /**
   * Ends a user's subscriptions to a channel on the other nodes, and the user's grace period on it, if that is running. Rejects
   * when they cannot be reached.
   */
  remove(channel: string, userId: string): Promise<void> | undefined;

  /**
   * Asks the user of this channel through the browsers on the other nodes.
   *
   * @param answered called with each of their answers, until `ask.timeoutMs` is over
   * @returns a promise that resolves when the other nodes are asked, and rejects when they cannot be reached; `undefined` when there
   * is one node only
   */
  ask(userChannel: string, ask: MemberAsk, answered: (answer: AskAnswer) => void): Promise<void> | undefined;

  /** Watches the users of these channels from now on. `done` is called with the channels of those who are online. */
  watch(userChannels: readonly string[], done: (online: ReadonlySet<string>) => void): void;
  /** Watches the users of these channels no more. */
  unwatch(userChannels: readonly string[]): void;

  /** The occupied channels whose names begin with a prefix, without users' own. Rejects when that cannot be known. */
  channels(prefix: string): Promise<readonly ChannelInfo[]>;
  /** A channel, occupied or not. Rejects when that cannot be known. */
  channel(name: string): Promise<ChannelInfo>;
  /** The members of a presence channel, with their info. Rejects when that cannot be known. */
  members(channel: string): Promise<readonly User[]>;
  /** Those of these users' channels whose users are signed in on a connection. Rejects when that cannot be known. */
  online(userChannels: readonly string[]): Promise<ReadonlySet<string>>;

  /**
   * Resolves when this node has heard everything that the other nodes had sent before; `undefined` when there is one node
   * only. Rejects when that cannot be known.
   */
  caughtUp(): Promise<void> | undefined;

  /**
   * This node is about to send its clients away: the other nodes no longer count it among those that could take theirs.
   *
   * @returns whether another node can take the clients of this one, also `true` where that cannot be known; `undefined` when
   * there is one node only. Never rejects
   */
  retire(): Promise<boolean> | undefined;

  /** The messages that did not arrive; `undefined` when there is one node only. */
  readonly statistics: ClusterStatistics | undefined;
  /** Why the other nodes cannot be reached now; `undefined` while they can. */
  problem(): string | undefined;
  /** Leaves the cluster, once this node's connections are gone, and releases every connection to Redis and every timer. */
  close(): Promise<void>;
}

/** Thrown when the other nodes cannot be reached. The message contains no secrets. */
export class ClusterUnreachableError extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'ClusterUnreachableError';
  }
}

/** Makes a node part of its cluster. */
export type JoinCluster = (node: ClusterNode) => Cluster;
