/** The webhooks' bounds in time and memory, each for one URL. */
export interface WebhookLimits {
  /** How long events are gathered before a batch is sent. */
  readonly gatherMs: number;
  /** Events in one request. */
  readonly batchEvents: number;
  /** Bytes of the events in one request; a single larger event still goes, alone. */
  readonly batchBytes: number;
  /** Events that may wait; above this the oldest are dropped. */
  readonly queuedEvents: number;
  /** Bytes that may wait; above this the oldest are dropped. */
  readonly queuedBytes: number;
  /** The time in which a request must be answered. */
  readonly requestMs: number;
  /** The time for which a batch is retried before it is lost. */
  readonly retryMs: number;
  /** The wait before the first retry. It doubles with every retry, with jitter, up to `longestRetryMs`. */
  readonly firstRetryMs: number;
  /** The longest wait between two retries. */
  readonly longestRetryMs: number;
  /** The time that closing may take for one last attempt at the queued events. */
  readonly closeMs: number;
}

/** The inversify token of the {@link WebhookLimits}. */
export const WEBHOOK_LIMITS = Symbol.for('nestjs-switchboard.WebhookLimits');

/** The limits in production; tests bind others. */
export const DEFAULT_WEBHOOK_LIMITS: WebhookLimits = {
  gatherMs: 50,
  batchEvents: 100,
  // Express and many others refuse JSON above 100 kB unless told otherwise.
  batchBytes: 90_000,
  queuedEvents: 10_000,
  queuedBytes: 8 * 1024 * 1024,
  requestMs: 5_000,
  retryMs: 5 * 60_000,
  firstRetryMs: 1_000,
  longestRetryMs: 30_000,
  closeMs: 2_000,
};
