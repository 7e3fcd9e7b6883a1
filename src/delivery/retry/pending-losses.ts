import type { SocketDeliveryError } from '../../ports/errors.js';
import { deliveryError, unavailable } from '../../ports/losses.js';
import type { PendingRelay } from './pending-relay.js';

/**
 * The loss of a relay whose last attempt has failed. If there was only one attempt, and its error names the same recipients,
 * that error is returned unchanged.
 */
export function lossAfterAttempt(
  { attempts }: PendingRelay,
  lost: readonly string[],
  error: SocketDeliveryError,
): SocketDeliveryError {
  if (attempts === 1 && lost.length === error.lost.length) return error;
  const message = attempts === 1 ? error.message : `${error.message} (attempt ${attempts}, the last)`;
  return deliveryError(error.retryable, message, { provider: error.provider, lost, cause: error });
}

/** The loss of a relay that could be tried again, but cannot wait. */
export function lossWithoutRoom(
  { relay }: PendingRelay,
  lost: readonly string[],
  error: SocketDeliveryError,
  refusal: string,
): SocketDeliveryError {
  return unavailable(error.provider, relay, `${refusal}, after: ${error.message}`, { lost, cause: error });
}

/** The loss of a relay that waited, and is not attempted any more. */
export function lossOfWaiting(
  provider: string,
  { relay, attempts, lastError }: PendingRelay,
  lost: readonly string[],
  why: string,
): SocketDeliveryError {
  const reason = lastError === undefined ? why : `${why}, after ${attempts} attempt(s): ${lastError.message}`;
  return unavailable(provider, relay, reason, { lost, cause: lastError });
}
