import type { LogFields, SocketLogger } from '../ports/logger.js';
import type { SocketDeliveryError } from '../ports/errors.js';
import type { Relay, RelayKind } from '../ports/relay.js';
import type { RelayOutcome } from './receipt.js';
import type { Progress } from './relay-delivery.js';

/** Where relays are counted. */
export interface RelayMetrics {
  count(kind: RelayKind, outcome: RelayOutcome): void;
  /** Milliseconds from the call to the provider's acceptance; `queued` where the first attempt was not the last. */
  took(kind: RelayKind, outcome: 'sent' | 'queued', milliseconds: number): void;
  /** Takes this module's metrics, and not those of others, out of the registry. */
  release(): void;
}

/** Writes the outcome of relays to the log, with the message id, and to the metrics. */
export class RelayLog {
  readonly #logger: SocketLogger;
  readonly #provider: () => string;
  readonly #metrics: RelayMetrics | undefined;

  /** @param provider the provider in force now */
  constructor(logger: SocketLogger, provider: () => string, metrics: RelayMetrics | undefined) {
    this.#logger = logger;
    this.#provider = provider;
    this.#metrics = metrics;
  }

  /** The provider accepted the relay at the first attempt. */
  sent(relay: Relay, milliseconds: number): void {
    this.#metrics?.count(relay.kind, 'sent');
    this.#metrics?.took(relay.kind, 'sent', milliseconds);
    this.#debug(relay, 'was sent', 'sent', { attempts: 1, milliseconds });
  }

  /** The relay waits: for its delay, or for another attempt. */
  queued(relay: Relay): void {
    this.#metrics?.count(relay.kind, 'queued');
    this.#debug(relay, 'is queued', 'queued');
  }

  /** An attempt failed, and another one follows. */
  retrying(relay: Relay, error: Error, progress?: Progress): void {
    const message = `${named(relay)} waits to be tried again: ${error.message}`;
    this.#logger.warn(message, this.#fields(relay, 'queued', progress, error));
  }

  /** The provider accepted a relay that had waited. */
  delivered(relay: Relay, progress?: Progress): void {
    this.#metrics?.count(relay.kind, 'sent');
    if (progress !== undefined) this.#metrics?.took(relay.kind, 'queued', progress.milliseconds);
    this.#debug(relay, 'was sent, after it had waited', 'sent', progress);
  }

  /** Counts a relay that is lost to some of its recipients, once. */
  failed(relay: Relay): void {
    this.#metrics?.count(relay.kind, 'failed');
  }

  /** The relay is lost to the recipients that the error names. */
  lost(relay: Relay, error: SocketDeliveryError, progress?: Progress): void {
    const message = `${named(relay)} was lost: ${error.message}`;
    this.#logger.error(message, this.#fields(relay, 'failed', progress, error));
  }

  /** The relay was made after its transaction had been rolled back: more likely a forgotten `await` than meant. */
  dropped(relay: Relay): void {
    this.#metrics?.count(relay.kind, 'dropped');
    const reason = 'it was made after its transaction had been rolled back';
    this.#logger.warn(`${named(relay)} was not sent: ${reason}`, this.#fields(relay, 'dropped'));
  }

  /** Puts no line together that nobody reads. */
  #debug(relay: Relay, happened: string, outcome: RelayOutcome, progress?: Progress): void {
    if (this.#logger.debug === undefined || this.#logger.isDebugEnabled === false) return;
    this.#logger.debug(`${named(relay)} ${happened}`, this.#fields(relay, outcome, progress));
  }

  #fields(
    { id, kind, event }: Relay,
    outcome: RelayOutcome,
    progress?: Progress,
    error?: Error & { readonly code?: string },
  ): LogFields {
    return {
      id,
      ...(event !== undefined && { event }),
      kind,
      provider: this.#provider(),
      outcome,
      ...(progress !== undefined && {
        attempts: progress.attempts,
        milliseconds: Math.round(progress.milliseconds),
      }),
      ...(error?.code !== undefined && { code: error.code }),
    };
  }
}

function named({ id, event }: Relay): string {
  return `Relay ${id} (${event ?? 'disconnect'})`;
}
