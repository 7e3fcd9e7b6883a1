import {
  type DeliveryFailure,
  type SocketDeliveryError,
  SocketRejectedError,
  SocketUnavailableError,
} from './errors.js';
import { shown } from './logger.js';
import { isToMembers, type Relay } from './relay.js';

/** A message lists at most this many recipients. If there are more, it gives only their number. */
const NAMED_RECIPIENTS = 5;

/** The part of a relay that the message of a loss names. */
type LostPart = Pick<Relay, 'kind' | 'recipients' | 'event'>;

/** The details of a loss. @default `lost` is all recipients of the relay */
export type LossDetails = Partial<Omit<DeliveryFailure, 'provider'>>;

/** Makes the error of a relay that did not reach its provider. The same relay can succeed later. */
export function unavailable(
  provider: string,
  relay: LostPart,
  reason: string,
  details: LossDetails = {},
): SocketUnavailableError {
  return new SocketUnavailableError(...messageAndFailure(provider, relay, reason, details));
}

/** Makes the error of a relay that its provider refused. The same relay fails again. */
export function rejected(
  provider: string,
  relay: LostPart,
  reason: string,
  details: LossDetails = {},
): SocketRejectedError {
  return new SocketRejectedError(...messageAndFailure(provider, relay, reason, details));
}

/** Makes the error of a lost relay: {@link unavailable} where a retry can help, otherwise {@link rejected}. */
export function unavailableOrRejected(
  isRetryable: boolean,
  ...[provider, relay, reason, details]: Parameters<typeof unavailable>
): SocketDeliveryError {
  return (isRetryable ? unavailable : rejected)(provider, relay, reason, details);
}

/** Makes the error of a question about online members that a provider did not answer. Its `lost` is empty by default. */
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

/** Makes the error of a question about a channel's members that a provider did not answer. Its `lost` is empty by default. */
export function membersUnknown(
  provider: string,
  isRetryable: boolean,
  channel: string,
  reason: string,
  details: LossDetails = {},
): SocketDeliveryError {
  const message = `Could not ask "${provider}" who is on ${shown(channel)}: ${reason}`;
  return deliveryError(isRetryable, message, { lost: [], ...details, provider });
}

/** Makes the error of a question about a channel's history that nobody answered. The same question can be answered later. */
export function historyUnknown(
  provider: string,
  channel: string,
  reason: string,
  details: LossDetails = {},
): SocketUnavailableError {
  const message = `Could not ask "${provider}" for the history of ${shown(channel)}: ${reason}`;
  return new SocketUnavailableError(message, { lost: [], ...details, provider });
}

/** Makes the error of a removal from a channel that a provider did not carry out. */
export function notRemoved(
  provider: string,
  isRetryable: boolean,
  channel: string,
  memberId: string,
  reason: string,
  cause?: unknown,
): SocketDeliveryError {
  const message = `Could not remove member ${shown(memberId)} from ${shown(channel)} through "${provider}": ${reason}`;
  return deliveryError(isRetryable, message, { lost: [memberId], provider, cause });
}

/** Makes the error of an ask that a provider did not carry to its member. */
export function notAsked(
  provider: string,
  isRetryable: boolean,
  memberId: string,
  reason: string,
  cause?: unknown,
): SocketDeliveryError {
  const message = `Could not ask member ${shown(memberId)} through "${provider}": ${reason}`;
  return deliveryError(isRetryable, message, { lost: [memberId], provider, cause });
}

/** Makes a delivery error with a complete message: unavailable where a retry can help, and rejected where it cannot. */
export function deliveryError(
  isRetryable: boolean,
  message: string,
  failure: DeliveryFailure,
): SocketDeliveryError {
  return isRetryable
    ? new SocketUnavailableError(message, failure)
    : new SocketRejectedError(message, failure);
}

function messageAndFailure(
  provider: string,
  relay: LostPart,
  reason: string,
  { lost = relay.recipients, ...details }: LossDetails,
): [message: string, failure: DeliveryFailure] {
  const recipients = describeLost(relay, lost);
  const action =
    relay.event === undefined
      ? `disconnect ${recipients} through "${provider}"`
      : `deliver "${relay.event}" through "${provider}" to ${recipients}`;
  return [`Could not ${action}: ${reason}`, { ...details, provider, lost }];
}

function describeLost(relay: LostPart, lost: readonly string[]): string {
  const noun = isToMembers(relay) ? 'member' : 'channel';
  if (lost.length > NAMED_RECIPIENTS) return `${lost.length} of ${relay.recipients.length} ${noun}s`;
  const names = lost.map(shown).join(', ');
  return `${noun}${lost.length === 1 ? '' : 's'} ${names}`;
}
