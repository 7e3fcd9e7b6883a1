import { type SocketDeliveryError, SocketRejectedError, SocketUnavailableError } from '../ports/errors.js';
import type { Line } from './retry/lane.js';
import { describeOrder, type Order } from '../ports/relay.js';

/** Says what is lost to whom, and why, of one provider. */
export class Losses {
  constructor(private readonly provider: string) {}

  /** It was not tried any more, or never. */
  unavailable(order: Order, lines: readonly Line[], reason: string, cause?: unknown): SocketUnavailableError {
    const lost = lines.map(({ to }) => to);
    const whom = lost.length === 1 ? lost.join() : `${lost.length} of ${order.to.length}`;
    const message = `The provider "${this.provider}" did not get ${describeOrder(order)} to ${whom}: ${reason}`;
    return new SocketUnavailableError(message, { provider: this.provider, lost, cause });
  }

  /** Something failed that is no failure of a delivery. */
  rejected(cause: unknown, order: Order): SocketRejectedError {
    const message = `The provider "${this.provider}" failed on ${describeOrder(order)}: ${String(cause)}`;
    return new SocketRejectedError(message, { provider: this.provider, lost: order.to, cause });
  }

  /** An attempt failed, and it was the last for some, or for all. */
  afterAttempt(error: SocketDeliveryError, attempts: number, gone: readonly Line[]): SocketDeliveryError {
    const lost = gone.map(({ to }) => to);
    if (attempts === 1 && lost.length === error.lost.length) return error;
    const DeliveryError = error.retryable ? SocketUnavailableError : SocketRejectedError;
    const message = attempts === 1 ? error.message : `${error.message} (attempt ${attempts}, the last)`;
    return new DeliveryError(message, { provider: error.provider, lost, cause: error });
  }
}
