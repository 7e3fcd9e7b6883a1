import type { Relay } from '../ports/relay.js';
import type { Progress } from './relay-delivery.js';
import type { SocketDeliveryError } from '../ports/errors.js';
import type { LogFields, SocketLog } from '../modules/socket/socket-log.js';

/** What a call of `SocketService` asked for. */
export type RelayKind = Relay['kind'];

/** What becomes of a call, as receipts say it. */
export type RelayOutcome = 'sent' | 'queued' | 'failed' | 'dropped';

/** One call of `SocketService`, as it is told of. An {@link Relay} is one. */
export interface RelayCall {
  /** The message id, which the receipt has too. */
  readonly id: string;
  readonly kind: RelayKind;
  /** The event's name; for a disconnect there is none. */
  readonly event?: string | undefined;
}

/** Where relays are counted, if anybody wants to know. */
export interface RelayMetrics {
  count(kind: RelayKind, outcome: RelayOutcome): void;
  /** How long an accepted call took: `queued` where its first attempt was not the last. */
  took(kind: RelayKind, outcome: 'sent' | 'queued', milliseconds: number): void;
  /** Takes this module's metrics, and not those of others, out of the registry. */
  release(): void;
}

/** The Nest token of {@link RelayMetrics}; nothing where the options have no registry. */
export const RELAY_METRICS = Symbol('RelayMetrics');

/** Writes down what becomes of relays: in the log, with the message id, and in the metrics. */
export class RelayLog {
  constructor(
    private readonly log: SocketLog,
    /** Which provider is asked now. */
    private readonly provider: () => string,
    private readonly metrics: RelayMetrics | undefined,
  ) {}

  /** The provider has accepted it at the first attempt. */
  sent(call: RelayCall, milliseconds: number): void {
    this.metrics?.count(call.kind, 'sent');
    this.metrics?.took(call.kind, 'sent', milliseconds);
    if (!this.log.isDebugged) return;
    this.log.debug(`${named(call)} was sent`, this.#fields(call, 'sent', { attempts: 1, milliseconds }));
  }

  /** Its call was answered: it waits. */
  queued(call: RelayCall): void {
    this.metrics?.count(call.kind, 'queued');
    if (this.log.isDebugged) this.log.debug(`${named(call)} is queued`, this.#fields(call, 'queued'));
  }

  /** An attempt failed, and there will be another. */
  onRetrying(call: RelayCall, error: Error, progress?: Progress): void {
    const message = `${named(call)} waits to be tried again: ${error.message}`;
    this.log.warn(message, this.#fields(call, 'queued', progress, error));
  }

  /** The provider has accepted what had waited. */
  onDelivered(call: RelayCall, progress?: Progress): void {
    this.metrics?.count(call.kind, 'sent');
    if (progress !== undefined) this.metrics?.took(call.kind, 'queued', progress.milliseconds);
    if (!this.log.isDebugged) return;
    this.log.debug(`${named(call)} was sent, after it had waited`, this.#fields(call, 'sent', progress));
  }

  /** The provider has not accepted it, for good. Whether the log is told, the failure policy says. */
  failed(call: RelayCall): void {
    this.metrics?.count(call.kind, 'failed');
  }

  /** It is lost to those that the error names, and nobody else will hear of it. */
  lost(call: RelayCall, error: SocketDeliveryError, progress?: Progress): void {
    const message = `${named(call)} was lost: ${error.message}`;
    this.log.error(message, this.#fields(call, 'failed', progress, error));
  }

  /** It was made after its transaction had been rolled back. */
  dropped(call: RelayCall): void {
    this.metrics?.count(call.kind, 'dropped');
    // Something began in the transaction and outlived it, which is more likely a forgotten `await` than meant.
    const why = 'it was made after its transaction had been rolled back';
    this.log.warn(`${named(call)} was not sent: ${why}`, this.#fields(call, 'dropped'));
  }

  #fields(
    { id, kind, event }: RelayCall,
    outcome: RelayOutcome,
    progress?: Progress,
    error?: Error & { readonly code?: string },
  ): LogFields {
    return {
      id,
      ...(event !== undefined && { event }),
      kind,
      provider: this.provider(),
      outcome,
      ...(progress !== undefined && {
        attempts: progress.attempts,
        milliseconds: Math.round(progress.milliseconds),
      }),
      ...(error?.code !== undefined && { code: error.code }),
    };
  }
}

function named({ id, event }: RelayCall): string {
  return `Relay ${id} (${event ?? 'disconnect'})`;
}
