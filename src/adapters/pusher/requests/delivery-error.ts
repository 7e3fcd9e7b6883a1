import {
  type SocketDeliveryError,
  SocketRejectedError,
  SocketUnavailableError,
} from '../../../ports/errors.js';
import type { Loss } from './dispatch.js';
import { canRetry, RequestFailure } from '../http/request-failure.js';

/**
 * The port's error for what failed underneath. It is retryable only if every failure is: as long as one of them is a
 * refusal, the same call fails again.
 *
 * @param what what was not taken, as the message names it
 * @param losses at least one; of failures that say the same, one becomes (part of) the `cause`
 * @param lost exactly the member ids or channels missed
 */
export function deliveryError(
  what: string,
  losses: readonly Loss[],
  lost: readonly string[] = losses.map(({ to }) => to),
): SocketDeliveryError {
  const failures = losses.map(({ failure }) => failure);
  const byReason = new Map(failures.map((failure) => [reasonOf(failure), failure]));
  const [reason = '', ...others] = byReason.keys();
  const more = others.length === 0 ? '' : `, and ${others.length} other reason(s)`;
  const distinct = [...byReason.values()];
  const cause = distinct.length === 1 ? distinct[0] : new AggregateError(distinct, 'Several requests failed');

  const retryableLost = losses.filter(({ failure }) => canRetry(failure)).map(({ to }) => to);
  const canHelp = retryableLost.length === losses.length;
  const DeliveryError = canHelp ? SocketUnavailableError : SocketRejectedError;
  return new DeliveryError(`The provider "pusher" did not take ${what}: ${reason}${more}`, {
    provider: 'pusher',
    lost,
    cause,
    ...(!canHelp && { retryableLost }),
    retryAfterMs: longestWait(failures),
  });
}

function longestWait(failures: readonly unknown[]): number | undefined {
  const waits = failures.map((failure) =>
    failure instanceof RequestFailure ? failure.retryAfterMs : undefined,
  );
  return waits.reduce((longest, wait) => ((wait ?? 0) > (longest ?? 0) ? wait : longest), undefined);
}

/** What a failure says, in one line. */
export function reasonOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
