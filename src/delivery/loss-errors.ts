import { type SocketDeliveryError, SocketRejectedError, SocketUnavailableError } from '../ports/errors.js';
import type { Lane } from './retry/lane.js';
import { describeRelay, type Relay } from '../ports/relay.js';

/** Says what is lost to whom, and why, of one provider. */
export class LossErrors {
  constructor(private readonly provider: string) {}

  /** It was not tried any more, or never. */
  unavailable(relay: Relay, lanes: readonly Lane[], reason: string, cause?: unknown): SocketUnavailableError {
    const lost = lanes.map(({ to }) => to);
    const whom = lost.length === 1 ? lost.join() : `${lost.length} of ${relay.recipients.length}`;
    const message = `The provider "${this.provider}" did not get ${describeRelay(relay)} to ${whom}: ${reason}`;
    return new SocketUnavailableError(message, { provider: this.provider, lost, cause });
  }

  /** Something failed that is no failure of a delivery. */
  rejected(cause: unknown, relay: Relay): SocketRejectedError {
    const message = `The provider "${this.provider}" failed on ${describeRelay(relay)}: ${String(cause)}`;
    return new SocketRejectedError(message, { provider: this.provider, lost: relay.recipients, cause });
  }

  /** An attempt failed, and it was the last for some, or for all. */
  afterAttempt(error: SocketDeliveryError, attempts: number, gone: readonly Lane[]): SocketDeliveryError {
    const lost = gone.map(({ to }) => to);
    if (attempts === 1 && lost.length === error.lost.length) return error;
    const DeliveryError = error.retryable ? SocketUnavailableError : SocketRejectedError;
    const message = attempts === 1 ? error.message : `${error.message} (attempt ${attempts}, the last)`;
    return new DeliveryError(message, { provider: error.provider, lost, cause: error });
  }
}
