import type { DeliveryHealth } from '../ports/socket-client.js';
import type { SocketDeliveryError } from '../ports/errors.js';
import type { Relay } from '../ports/relay.js';

/** What stands between `SocketService` and the port: it carries checked orders to a provider, now, again, or later. */
export interface RelayDelivery {
  /** Whether it sees to an order's `delayMs` itself. */
  readonly takesDelays?: true;
  /** How many orders wait in this process, or are tried again. */
  readonly queued: number;
  /** How many attempts this process made after a first one. */
  readonly retried: number;
  /**
   * Takes an order. Resolves with `sent` when the provider has accepted it for everybody it is for, and with `queued` when it
   * has not yet.
   *
   * @throws SocketDeliveryError for what is lost already
   */
  send(relay: Relay): Promise<'sent' | 'queued'>;
  /** What waits, asked now; never rejects. */
  health(): DeliveryHealth | Promise<DeliveryHealth>;
  /** Brings what is under way to an end, in a bounded time, while the provider is still there. */
  close(): Promise<void>;
  /** Lets go of the rest, once the provider is closed. Until then it still takes orders. */
  release?(): Promise<void>;
}

/** How far an order has come. */
export interface Progress {
  readonly attempts: number;
  /** Since the call. */
  readonly milliseconds: number;
}

/** Told what becomes of what was answered with `queued`. */
export interface DeliveryListener {
  /** Its first attempt failed, and it will be tried again. */
  onRetrying(relay: Relay, error: Error, progress?: Progress): void;
  /** It was accepted for everybody it was for. */
  onDelivered(relay: Relay, progress?: Progress): void;
  /** It is lost to those that the error names. `isFirst` unless that was so of others it was for. */
  lost(relay: Relay, error: SocketDeliveryError, isFirst: boolean, progress?: Progress): void;
}
