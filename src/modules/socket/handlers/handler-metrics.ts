import type { MessageErrorCode } from '../../../ports/client-messages.js';

/** The outcome of a message whose handler was called. */
export type HandlerOutcome = 'handled' | 'refused' | 'failed' | 'timed_out';

/** The errors of messages whose handler was not called. */
export type RefusalReason = Exclude<MessageErrorCode, 'REFUSED' | 'FAILED' | 'TIMED_OUT'>;

/** Counts messages. */
export interface HandlerMetrics {
  /** A handler was called. @param milliseconds until it ended, or until its time was over */
  handled(provider: string, outcome: HandlerOutcome, milliseconds: number): void;
  /** No handler was called. */
  messageRefused(provider: string, reason: RefusalReason): void;
}
