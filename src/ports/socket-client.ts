import type { ClusterStatistics } from './cluster.js';
import type { Provider, SecondRole } from './socket-config.js';

/** The options of a call of the port, which sends at once. */
export interface ImmediateRelayOptions {
  /** As in {@link RelayOptions}, once it is checked. @default undefined, every connection gets it */
  readonly exceptSocketId?: string | undefined;
  /** As in {@link RelayOptions}. On channels with history only: others are checked in front of the port. @default undefined */
  readonly idempotencyKey?: string | undefined;
}

/** The options of a call of `SocketService`. */
export interface RelayOptions {
  /**
   * The Pusher socket id (`123.456`) of a connection that does not get the event, on whichever node it is: usually that of the
   * page which caused it, straight from the request's header. A text that is no socket id leaves nobody out, so that nothing
   * in a header can fail the call. @default undefined, every connection gets it
   */
  readonly exceptSocketId?: string | readonly string[] | null | undefined;
  /**
   * Milliseconds from the call until the relay is sent, up to 2,147,483,647 (24 days). With `SOCKET_DELIVERY=queue` the relay
   * waits in Redis; otherwise it waits in this process's memory, and is lost when the process ends. @default 0
   */
  readonly delayMs?: number | undefined;
  /**
   * The caller's own name for this relay, of 1 to 255 characters, like the id of the request or the domain event that causes it. Within
   * `SOCKET_IDEMPOTENCY_S` a second relay with the same key to the same recipient reaches nobody again, and is answered with the id of
   * the first. @default undefined, every relay is a new one
   */
  readonly idempotencyKey?: string | undefined;
}

/** The options of `SocketService.askMember`. */
export interface AskOptions {
  /** Milliseconds to wait for the first answer, from 1 to 2,147,483,647. @default 5_000 */
  readonly timeoutMs?: number | undefined;
}

/** The state of a provider. */
export interface ProviderHealth {
  /**
   * `up`: it relays. `degraded`: this process serves its own connections, but cannot reach the other nodes; or the second of
   * two providers has taken over. `down`: it cannot relay, or it is shutting down and accepts no more connections; `reason` is
   * `draining` while it still relays to the open ones.
   */
  readonly status: 'up' | 'degraded' | 'down';
  /** The number of open connections of this process; `null` where the provider cannot know it. */
  readonly connections: number | null;
  /** The name of this process among the nodes of its cluster; absent where there is only one node. */
  readonly node?: string;
  /** The counts of messages that were lost between the nodes since the process started. */
  readonly cluster?: ClusterStatistics;
  /** The reason why it is not up, without secrets. */
  readonly reason?: string;
  /** The relays that wait for another attempt; absent where failed relays are not retried. `SocketService` adds it. */
  readonly delivery?: DeliveryHealth;
  /** The second provider; absent where there is only one. The other fields are about the first. */
  readonly second?: SecondHealth;
}

/** The state of a second provider, and of its part in the pair. */
export interface SecondHealth extends Omit<ProviderHealth, 'delivery' | 'second'> {
  readonly provider: Provider;
  readonly role: SecondRole;
  /** Copies of relays that this provider did not accept since the process started. No caller waits for a copy. */
  readonly missed: number;
  /** With the role `mirror`: calls that one of the two providers accepted, and the other did not. */
  readonly divergence?: number;
  /**
   * With the role `failover`: `closed` while the first provider is in force. Otherwise this one is in force: `open` between two
   * probes of the first, `half-open` during a probe.
   */
  readonly breaker?: DeliveryHealth['breaker'];
}

/** The relays that wait for a provider that failed. */
export interface DeliveryHealth {
  /** The number of waiting relays, one for each member or channel; `null` while the queue cannot be reached. */
  readonly waiting: number | null;
  /** The bytes of their payloads; `null` while the queue cannot be reached. */
  readonly bytes: number | null;
  /** `closed`: the provider gets every relay. `open`: it keeps failing and gets none. `half-open`: one relay at a time probes it. */
  readonly breaker: 'closed' | 'open' | 'half-open';
  /** The other contents of the queue; absent without a queue, and while it cannot be reached. */
  readonly queue?: QueueHealth;
  /** The reason why the number of waiting relays is unknown, without secrets. */
  readonly problem?: string;
}

/** The contents of a queue besides the relays that wait for the provider. */
export interface QueueHealth {
  /** Relays with a delay that wait for their time. */
  readonly later: number;
  /** Relays that failed for good, and are kept as dead letters. */
  readonly dead: number;
  /** The milliseconds that the oldest waiting relay has waited. */
  readonly oldestMs: number;
}

/** A member who is present on a channel. */
export interface ChannelMember {
  readonly id: string;
  /** The facts that others on the channel see; absent where there are none, and where the provider does not tell them. */
  readonly info?: unknown;
}

/**
 * The port: all that the application needs from a realtime provider.
 *
 * Every adapter makes these promises, and the contract suite (`describeSocketClient`) checks them:
 * - *Resolved* means the provider has accepted the message for every connection the member has at that moment, on any
 *   node. A relay without a listener is no error.
 * - Two relays from one process to one member arrive in the order of the calls. The port itself never retries. `SocketService`
 *   does, with a queue or where the adapter has `isRetried`. On such an adapter a failed relay also fails later relays to the
 *   same recipient that are already under way.
 * - The payload arrives deep-equal to `JSON.parse(JSON.stringify(payload))`. A call without payload arrives without one.
 * - The payload is read before the call returns: later changes of the caller's object are not sent.
 * - `exceptSocketId` leaves out exactly that connection.
 * - `disconnectMember` ends every signed-in connection of the member, and stops the member's client from reconnecting by itself.
 * - Failures reject with a `SocketDeliveryError`; bad payloads with a `SocketUsageError`.
 *
 * The port does not check names and ids: `SocketService`, which stands in front of every adapter, has checked them.
 */
export interface ISocketClient {
  /** Sends an event to one member, on all the member's connections. */
  relayToMember(
    memberId: string,
    event: string,
    payload?: unknown,
    options?: ImmediateRelayOptions,
  ): Promise<void>;
  /** Sends one event to several members. The error of a partial failure names exactly the members who were missed. */
  relayToMembers(
    memberIds: readonly string[],
    event: string,
    payload?: unknown,
    options?: ImmediateRelayOptions,
  ): Promise<void>;
  /** Sends an event to all subscribers of a channel. */
  relayToChannel(
    channel: string,
    event: string,
    payload?: unknown,
    options?: ImmediateRelayOptions,
  ): Promise<void>;
  /** Sends an event to all subscribers of the broadcast channel. */
  broadcast(event: string, payload?: unknown, options?: ImmediateRelayOptions): Promise<void>;
  /** Ends every signed-in connection of the member. */
  disconnectMember(memberId: string): Promise<void>;
  /** Those of the given members who are signed in on at least one connection. */
  onlineMembers(memberIds: readonly string[]): Promise<ReadonlySet<string>>;
  /**
   * The members of a presence channel, on all nodes, each once. Rejects with a `SocketRejectedError` on a provider that cannot
   * tell.
   */
  channelMembers(channel: string): Promise<readonly ChannelMember[]>;
  /**
   * Ends the subscriptions to a private or presence channel of every connection that is signed in as the member, or present as
   * the member there. A signature from before does not let them back. Rejects with a `SocketRejectedError` on a provider that
   * cannot do it.
   */
  removeFromChannel(channel: string, memberId: string): Promise<void>;
  /**
   * Asks a member through the member's browsers, on all nodes, and resolves with the first answer, as JSON carried it. Rejects with a
   * `SocketNoAnswerError` when none came within `timeoutMs` milliseconds, and with a `SocketRejectedError` on a provider that carries
   * no answers.
   */
  askMember(memberId: string, event: string, payload: unknown, timeoutMs: number): Promise<unknown>;
  /** The provider's state, asked now. Never rejects. */
  health(): Promise<ProviderHealth>;
  /** Releases every connection, timer and handle. Calls made afterwards reject with `SocketUnavailableError`. */
  close(): Promise<void>;
}

/** The inversify (and Nest) token of the port. */
export const SOCKET_CLIENT = Symbol.for('nestjs-switchboard.SocketClient');
