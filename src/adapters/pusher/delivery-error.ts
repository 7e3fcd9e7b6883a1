import { type SocketDeliveryError, SocketRejectedError, SocketUnavailableError } from '../../ports/errors.js';
import { RequestFailure } from './request-failure.js';

/**
 * The port's error for what failed underneath. It is retryable only if every failure is: as long as one of them is a
 * refusal, the same call fails again.
 *
 * @param what what was not taken, as the message names it
 * @param lost exactly the member ids or channels missed
 * @param failures at least one; of those that say the same, one becomes (part of) the `cause`
 */
export function deliveryError(
  what: string,
  lost: readonly string[],
  failures: readonly unknown[],
): SocketDeliveryError {
  const byReason = new Map(failures.map((failure) => [reasonOf(failure), failure]));
  const [reason = '', ...others] = byReason.keys();
  const more = others.length === 0 ? '' : `, and ${others.length} other reason(s)`;
  const distinct = [...byReason.values()];
  const cause = distinct.length === 1 ? distinct[0] : new AggregateError(distinct, 'Several requests failed');

  const canHelp = failures.every((failure) => failure instanceof RequestFailure && failure.retryable);
  const DeliveryError = canHelp ? SocketUnavailableError : SocketRejectedError;
  return new DeliveryError(`The provider "pusher" did not take ${what}: ${reason}${more}`, {
    provider: 'pusher',
    lost,
    cause,
  });
}

/** What a failure says, in one line. */
export function reasonOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
