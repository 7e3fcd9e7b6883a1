import {
  type DeliveryFailure,
  type SocketDeliveryError,
  SocketRejectedError,
  SocketUnavailableError,
} from './errors.js';
import type { Relay } from './relay.js';

/** A message names so many recipients at most; of more it says how many. */
const NAMED_RECIPIENTS = 5;

/** The part of a relay that a loss names. */
type LostPart = Pick<Relay, 'kind' | 'recipients' | 'event'>;

/** The details of a loss; without `lost` the relay is lost to all its recipients. */
export type LossDetails = Partial<Omit<DeliveryFailure, 'provider'>>;

/** The error of a relay that did not reach its provider; the same relay can succeed later. */
export function unavailable(
  provider: string,
  relay: LostPart,
  reason: string,
  details: LossDetails = {},
): SocketUnavailableError {
  return new SocketUnavailableError(...loss(provider, relay, reason, details));
}

/** The error of a relay that its provider refused; the same relay fails again. */
export function rejected(
  provider: string,
  relay: LostPart,
  reason: string,
  details: LossDetails = {},
): SocketRejectedError {
  return new SocketRejectedError(...loss(provider, relay, reason, details));
}

/** {@link unavailable} or {@link rejected}, by whether a retry can help. */
export function lossError(
  isRetryable: boolean,
  ...[provider, relay, reason, details]: Parameters<typeof unavailable>
): SocketDeliveryError {
  return (isRetryable ? unavailable : rejected)(provider, relay, reason, details);
}

/** The error of a question that a provider could not answer. Nothing was sent, so nothing is lost. */
export function unanswered(
  provider: string,
  isRetryable: boolean,
  reason: string,
  details: LossDetails = {},
): SocketDeliveryError {
  const message = `Could not ask "${provider}" which members are online: ${reason}`;
  const failure = { lost: [], ...details, provider };
  return deliveryError(isRetryable, message, failure);
}

/** The error with these words: unavailable where a retry can help, and rejected where it cannot. */
export function deliveryError(
  isRetryable: boolean,
  message: string,
  failure: DeliveryFailure,
): SocketDeliveryError {
  return isRetryable
    ? new SocketUnavailableError(message, failure)
    : new SocketRejectedError(message, failure);
}

function loss(
  provider: string,
  relay: LostPart,
  reason: string,
  { lost = relay.recipients, ...details }: LossDetails,
): [message: string, failure: DeliveryFailure] {
  const whom = describeLost(relay, lost);
  const what =
    relay.event === undefined
      ? `disconnect ${whom} through "${provider}"`
      : `deliver "${relay.event}" through "${provider}" to ${whom}`;
  return [`Could not ${what}: ${reason}`, { ...details, provider, lost }];
}

function describeLost({ kind, recipients }: LostPart, lost: readonly string[]): string {
  const noun = kind === 'channel' || kind === 'broadcast' ? 'channel' : 'member';
  if (lost.length > NAMED_RECIPIENTS) return `${lost.length} of ${recipients.length} ${noun}s`;
  const names = lost.map((name) => `"${name}"`).join(', ');
  return `${noun}${lost.length === 1 ? '' : 's'} ${names}`;
}
