import { systemClock } from '../ports/clock.js';
import type { SocketDeliveryError } from '../ports/errors.js';
import type { LogFields, SocketLogger } from '../ports/logger.js';
import type { Relay, RelayKind } from '../ports/relay.js';
import { RepeatedLines } from '../ports/repeated-lines.js';
import type { LostRelay, RelayOutcome } from './receipt.js';
import type { Progress } from './relay-delivery.js';

/** Where relays are counted for the application's own registry of metrics. */
export interface RelayMetrics {
  /** Counts one relay with its outcome. */
  count(kind: RelayKind, outcome: RelayOutcome): void;
  /** Milliseconds from the call to the provider's acceptance; `queued` where the first attempt was not the last. */
  took(kind: RelayKind, outcome: 'sent' | 'queued', milliseconds: number): void;
  /** Takes this module's metrics, and not those of others, out of the registry. */
  release(): void;
}

/** The places that a {@link RelayReporter} reports to. */
export interface ReportTargets {
  readonly logger: SocketLogger;
  readonly metrics?: RelayMetrics | undefined;
  /**
   * Called with every lost relay whose call could not reject, because its caller had been answered or wants receipts. An
   * error that it throws or rejects with is logged.
   */
  readonly onRelayError?: ((lost: LostRelay) => unknown) | undefined;
}

/** Reports the outcome of relays: to the log, with the message id, to the metrics, to the counts and to `onRelayError`. */
export class RelayReporter {
  readonly #targets: ReportTargets;
  readonly #provider: () => string;
  readonly #repeated: RepeatedLines;
  #sent = 0;
  #failed = 0;

  /** @param provider the provider in force now */
  constructor(targets: ReportTargets, provider: () => string) {
    this.#targets = targets;
    this.#provider = provider;
    // Not the clock of a test, which may stand still.
    this.#repeated = new RepeatedLines(targets.logger, systemClock);
  }

  /** How many relays the provider accepted for all their recipients, since the process started. */
  get sentCount(): number {
    return this.#sent;
  }

  /** How many relays were lost to at least one recipient, since the process started. */
  get failedCount(): number {
    return this.#failed;
  }

  /** The provider accepted the relay at the first attempt. */
  sent(relay: Relay, milliseconds: number): void {
    this.#sent++;
    this.#targets.metrics?.count(relay.kind, 'sent');
    this.#targets.metrics?.took(relay.kind, 'sent', milliseconds);
    this.#debug(relay, 'was sent', 'sent', { attempts: 1, milliseconds });
  }

  /** The relay waits: for its delay, or for another attempt. */
  queued(relay: Relay): void {
    this.#targets.metrics?.count(relay.kind, 'queued');
    this.#debug(relay, 'is queued', 'queued');
  }

  /** An attempt failed, and another one follows. */
  retrying(relay: Relay, error: Error, progress?: Progress): void {
    const message = `${named(relay)} waits to be tried again: ${error.message}`;
    this.#repeated.warn(
      'Relays wait to be tried again',
      message,
      this.#fields(relay, 'queued', progress, error),
    );
  }

  /** The provider accepted a relay that had been queued. */
  delivered(relay: Relay, progress?: Progress): void {
    this.#sent++;
    this.#targets.metrics?.count(relay.kind, 'sent');
    if (progress !== undefined) this.#targets.metrics?.took(relay.kind, 'queued', progress.milliseconds);
    this.#debug(relay, 'was sent, after it had waited', 'sent', progress);
  }

  /** Counts a relay that is lost to some of its recipients. Call it once for each relay. */
  failed(relay: Relay): void {
    this.#failed++;
    this.#targets.metrics?.count(relay.kind, 'failed');
  }

  /** Logs that the relay is lost to the recipients that the error names, and calls `onRelayError`. Does not count. */
  lost(relay: Relay, error: SocketDeliveryError, progress?: Progress): void {
    const message = `${named(relay)} was lost: ${error.message}`;
    this.#repeated.error('Relays were lost', message, this.#fields(relay, 'failed', progress, error));
    this.#callOnRelayError({ id: relay.id, event: relay.event, error });
  }

  /** Warns, because a relay after its transaction's rollback is more likely a forgotten `await` than intended. */
  dropped(relay: Relay): void {
    this.#targets.metrics?.count(relay.kind, 'dropped');
    const reason = 'it was made after its transaction had been rolled back';
    this.#repeated.warn(
      'Relays were not sent',
      `${named(relay)} was not sent: ${reason}`,
      this.#fields(relay, 'dropped'),
    );
  }

  /** A question was not answered. */
  unanswered(error: SocketDeliveryError, message = error.message): void {
    this.#repeated.warn('Questions were not answered', message);
  }

  /** Takes the metrics out of the application's registry, and logs what is still to be logged. */
  release(): void {
    this.#repeated.flush();
    this.#targets.metrics?.release();
  }

  /** Builds no line while the level `debug` is off: this runs for every relay. */
  #debug(relay: Relay, action: string, outcome: RelayOutcome, progress?: Progress): void {
    const { logger } = this.#targets;
    if (logger.debug === undefined || logger.isDebugEnabled !== true) return;
    logger.debug(`${named(relay)} ${action}`, this.#fields(relay, outcome, progress));
  }

  #callOnRelayError(lost: LostRelay): void {
    const onFailure = (reason: unknown) => {
      const { id } = lost;
      this.#repeated.error('onRelayError failed', `onRelayError failed for relay ${id}: ${String(reason)}`, {
        id,
      });
    };
    try {
      // It may be async, although its type does not ask for it.
      void Promise.resolve(this.#targets.onRelayError?.(lost)).catch(onFailure);
    } catch (reason) {
      onFailure(reason);
    }
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
