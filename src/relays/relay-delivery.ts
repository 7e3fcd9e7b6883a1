import type { Clock } from '../ports/clock.js';
import type { SocketDeliveryError } from '../ports/errors.js';
import type { SocketLogger } from '../ports/logger.js';
import type { Relay } from '../ports/relay.js';
import type { RelaySender } from '../ports/relay-client.js';
import type { DeliveryHealth } from '../ports/socket-client.js';

/** Carries checked relays to a provider, and retries or queues them. It stands between `Relays` and the port. */
export interface RelayDelivery {
  /** Whether it waits for a relay's `delayMs` itself. @default undefined, `Relays` waits in memory */
  readonly handlesDelays?: true;
  /** How many relays of this process wait for an attempt, or are attempted after they have waited. Others do not count. */
  readonly queued: number;
  /** How many attempts this process made after the first one of each relay. */
  readonly retried: number;
  /**
   * Begins with its work in the background, and connects until {@link close}. Before, it takes relays all the same, and holds
   * nothing that would keep the process alive. Absent where it has neither.
   */
  open?(): void;
  /**
   * Takes a relay. Resolves with `sent` when the provider has accepted it for all its recipients, and with `queued` when
   * another attempt follows.
   *
   * @throws SocketDeliveryError that names the recipients to whom the relay is lost already
   */
  send(relay: Relay): Promise<'sent' | 'queued'>;
  /** How many relays and bytes wait, asked now. Never rejects. */
  health(): DeliveryHealth | Promise<DeliveryHealth>;
  /**
   * Leaves the relays that wait to other processes, within a bounded time, and still takes new ones. Absent where nobody else
   * can have them.
   */
  drain?(): Promise<void>;
  /** Ends the last attempts within a bounded time, and takes no more relays. Call it while the provider is still open. */
  close(): Promise<void>;
}

/** The attempts and the time that a relay has taken so far. */
export interface Progress {
  readonly attempts: number;
  /** Milliseconds since the call. */
  readonly milliseconds: number;
}

/** Gets the outcome of relays whose call was answered with `queued`. */
export interface DeliveryListener {
  /** The first attempt failed, and another one follows. */
  onRetrying(relay: Relay, error: Error, progress?: Progress): void;
  /** The relay was accepted for all its recipients. */
  onDelivered(relay: Relay, progress?: Progress): void;
  /** The relay is lost to the recipients that the error names. `isFirst` is false where it was lost to others before. */
  onLost(relay: Relay, error: SocketDeliveryError, isFirst: boolean, progress?: Progress): void;
}

/** The parts that a delivery needs besides its configuration. */
export interface DeliveryParts {
  readonly client: RelaySender;
  readonly clock: Clock;
  readonly listener: DeliveryListener;
  readonly logger: SocketLogger;
}

/** Makes one kind of delivery. */
export type DeliveryFactory = (parts: DeliveryParts) => RelayDelivery;
