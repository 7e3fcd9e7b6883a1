import type { SocketDeliveryError } from '../ports/errors.js';
import type { SocketLogger } from '../ports/logger.js';
import type { Relay } from '../ports/relay.js';
import type { RelaySender } from '../ports/relay-client.js';
import type { DeliveryHealth } from '../ports/socket-client.js';
import type { Clock } from '../ports/clock.js';

/** The way from {@link Relays} to the port: it carries checked relays to a provider, now, again, or later. */
export interface RelayDelivery {
  /** Whether it waits for a relay's `delayMs` itself. */
  readonly handlesDelays?: true;
  /** How many relays wait in this process, or are tried again. */
  readonly queued: number;
  /** How many attempts this process made after a first one. */
  readonly retried: number;
  /**
   * Takes a relay. Resolves with `sent` when the provider has accepted it for all its recipients, and with `queued` when it
   * has not yet.
   *
   * @throws SocketDeliveryError for recipients to whom it is lost already
   */
  send(relay: Relay): Promise<'sent' | 'queued'>;
  /** How much waits, asked now; never rejects. */
  health(): DeliveryHealth | Promise<DeliveryHealth>;
  /** Ends the attempts under way, in a bounded time, while the provider is still there. */
  close(): Promise<void>;
  /** Releases the rest, once the provider is closed. Until then it still takes relays. */
  release?(): Promise<void>;
}

/** How far a relay has come. */
export interface Progress {
  readonly attempts: number;
  /** Milliseconds since the call. */
  readonly milliseconds: number;
}

/** Told the outcome of relays whose call was answered with `queued`. */
export interface DeliveryListener {
  /** The first attempt failed, and another one follows. */
  onRetrying(relay: Relay, error: Error, progress?: Progress): void;
  /** The relay was accepted for all its recipients. */
  onDelivered(relay: Relay, progress?: Progress): void;
  /** The relay is lost to the recipients that the error names. `isFirst` unless others of its recipients were lost before. */
  onLost(relay: Relay, error: SocketDeliveryError, isFirst: boolean, progress?: Progress): void;
}

/** The parts that a delivery is made of, besides its configuration. */
export interface DeliveryParts {
  readonly client: RelaySender;
  readonly clock: Clock;
  readonly listener: DeliveryListener;
  readonly logger: SocketLogger;
}

/** Makes one kind of delivery. */
export type DeliveryFactory = (parts: DeliveryParts) => RelayDelivery;
