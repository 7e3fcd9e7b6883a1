import type { ClusterStatistics } from './cluster.js';
import type { Provider, SecondRole } from './socket-config.js';

/** What one relay may say besides its payload. */
export interface RelayOptions {
  /** Leave out the connection with this Pusher socket id (`123.456`), on every node: usually the sender's own. */
  readonly exceptSocketId?: string;
}

/** What one call of `SocketService` may say besides its payload. */
export interface SendOptions extends RelayOptions {
  /**
   * Milliseconds until it is sent, up to 2,147,483,647 (24 days). With `SOCKET_DELIVERY=queue` it waits in Redis; otherwise in this
   * process's memory, and is lost with it. @default 0
   */
  readonly delayMs?: number;
}

/** How a provider is doing. */
export interface ProviderHealth {
  /**
   * `degraded`: this process serves its own connections, and cannot reach the other nodes; or the second of two providers
   * has taken over. `down`: it cannot relay, or it
   * is going away and wants no more connections; `reason` says `draining` while it still relays to those there are.
   */
  readonly status: 'up' | 'degraded' | 'down';
  /** Open connections that this process knows of; `null` where the provider does not tell. */
  readonly connections: number | null;
  /** This process among the nodes of its cluster; absent where there is one node only. */
  readonly node?: string;
  /** What did not arrive between the nodes since the process started. */
  readonly cluster?: ClusterStatistics;
  /** Why it is not up, without secrets. */
  readonly reason?: string;
  /** What waits to be tried again; absent where nothing is. Told by `SocketService`, which does it. */
  readonly delivery?: DeliveryHealth;
  /** The second provider; absent where there is one only. The other fields are about the first. */
  readonly second?: SecondHealth;
}

/** How a second provider is doing, and what stands before the two. */
export interface SecondHealth extends Omit<ProviderHealth, 'delivery' | 'second'> {
  readonly provider: Provider;
  readonly role: SecondRole;
  /** Calls that it was to get as well, without anybody waiting for it, and did not take since the process started. */
  readonly missed: number;
  /** As a `mirror`: calls that one of the two took, and the other did not. */
  readonly divergence?: number;
  /** As a `failover`: whether the first is asked (`closed`) or this one is, and one relay at a time finds out (`open`). */
  readonly breaker?: DeliveryHealth['breaker'];
}

/** What waits for a provider that failed. */
export interface DeliveryHealth {
  /** How many relays wait, one to one member or channel each; `null` while the queue cannot be asked. */
  readonly waiting: number | null;
  /** How many bytes their payloads have; `null` likewise. */
  readonly bytes: number | null;
  /** `open`: the provider keeps failing, and is left alone but for one relay at a time that finds out, `half-open`. */
  readonly breaker: 'closed' | 'open' | 'half-open';
  /** What the queue holds besides; absent where there is none, or it cannot be reached. */
  readonly queue?: QueueHealth;
  /** Why it cannot be said what waits, without secrets. */
  readonly problem?: string;
}

/** What a queue holds besides what waits now. */
export interface QueueHealth {
  /** Relays that were asked for later, and wait for their time. */
  readonly later: number;
  /** Relays that failed for good, and are kept to be looked at. */
  readonly dead: number;
  /** For how many milliseconds that has waited which has waited for longest. */
  readonly oldestMs: number;
}

/**
 * The port: all that the application needs from a realtime provider.
 *
 * What every adapter promises, and the contract suite (`describeSocketClient`) checks:
 * - *Resolved* means the provider has accepted the message for every connection the member has at that moment, on any
 *   node. Nobody listening is no error.
 * - Two relays from one process to one member arrive in the order they were called. The port tries nothing again;
 *   `SocketService` does where the adapter allows it, and then what was called behind a failure fails too.
 * - The payload arrives deep-equal to `JSON.parse(JSON.stringify(payload))`. A call without payload arrives without one.
 * - The payload is read before the call returns: what is sent is what it was.
 * - `exceptSocketId` leaves exactly that connection out.
 * - `disconnectMember` ends every signed-in connection of the member and stops its client from coming back by itself.
 * - Failures reject with a `SocketDeliveryError`; bad payloads with a `SocketUsageError`.
 *
 * Names and ids are taken as valid: `SocketService`, which stands in front of every adapter, has checked them.
 */
export interface ISocketClient {
  /** Sends an event to one member, wherever and however often that member is connected. */
  relayToMember(memberId: string, event: string, payload?: unknown, options?: RelayOptions): Promise<void>;
  /** Sends one event to several members. A partial failure names exactly who was missed. */
  relayToMembers(
    memberIds: readonly string[],
    event: string,
    payload?: unknown,
    options?: RelayOptions,
  ): Promise<void>;
  /** Sends an event to everybody subscribed to a channel. */
  relayToChannel(channel: string, event: string, payload?: unknown, options?: RelayOptions): Promise<void>;
  /** Sends an event to everybody on the broadcast channel. */
  broadcast(event: string, payload?: unknown, options?: RelayOptions): Promise<void>;
  /** Ends every signed-in connection of the member. */
  disconnectMember(memberId: string): Promise<void>;
  /** Which of these members are signed in on at least one connection. */
  onlineMembers(memberIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** How the provider is doing, asked now; never rejects. */
  health(): Promise<ProviderHealth>;
  /** Releases every connection, timer and handle. Calls made afterwards reject with `SocketUnavailableError`. */
  close(): Promise<void>;
}

/** The inversify (and Nest) token of the port. */
export const SOCKET_CLIENT = Symbol.for('nestjs-switchboard.SocketClient');
