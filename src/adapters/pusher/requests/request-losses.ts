import { messageOf, type SocketDeliveryError } from '../../../ports/errors.js';
import { type LossDetails, unanswered, unavailableOrRejected } from '../../../ports/losses.js';
import type { Relay } from '../../../ports/relay.js';
import { canRetry, RequestFailure } from '../http/request-failure.js';
import type { RecipientLoss } from './dispatch.js';

/** A relay to thousands has a hundred requests, and each may fail for a reason of its own. The error has the first of them. */
const NAMED_CAUSES = 5;

/**
 * The port's error for a relay whose requests failed. It is retryable only when every failure is: after one refusal, the
 * whole relay would be refused again.
 *
 * @param losses at least one loss
 */
export function lossFromRequests(relay: Relay, losses: readonly RecipientLoss[]): SocketDeliveryError {
  const failures = losses.map(({ failure }) => failure);
  const retryableLost = losses.filter(({ failure }) => canRetry(failure)).map(({ recipient }) => recipient);
  const isRetryable = retryableLost.length === losses.length;
  return unavailableOrRejected(isRetryable, 'pusher', relay, summaryOf(failures), {
    lost: losses.map(({ recipient }) => recipient),
    ...(!isRetryable && { retryableLost }),
    ...detailsOf(failures),
  });
}

/** The port's error for a call of `onlineMembers` whose request failed. */
export function unansweredQuestion(failure: unknown): SocketDeliveryError {
  return unanswered('pusher', canRetry(failure), messageOf(failure), detailsOf([failure]));
}

/** The first of the distinct reasons, and the number of the others. */
function summaryOf(failures: readonly unknown[]): string {
  const [reason = '', ...others] = new Set(failures.map(messageOf));
  return others.length === 0 ? reason : `${reason}, and ${others.length} other reason(s)`;
}

/** Failures with the same message become one cause, or one part of it, as far as there are few. */
function detailsOf(failures: readonly unknown[]): LossDetails {
  const distinct = [...new Map(failures.map((failure) => [messageOf(failure), failure])).values()];
  const [first, ...others] = distinct;
  const cause =
    others.length === 0
      ? first
      : new AggregateError(distinct.slice(0, NAMED_CAUSES), `Requests failed for ${distinct.length} reasons`);
  return { cause, retryAfterMs: longestPauseMs(failures) };
}

function longestPauseMs(failures: readonly unknown[]): number | undefined {
  const pauses = failures.map((failure) =>
    failure instanceof RequestFailure ? failure.retryAfterMs : undefined,
  );
  return pauses.reduce((longest, pause) => ((pause ?? 0) > (longest ?? 0) ? pause : longest), undefined);
}
