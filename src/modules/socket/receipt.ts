import type { SocketDeliveryError } from '../../ports/errors.js';

/** What became of one relay. */
export interface Receipt {
  /** The message id, the same in logs and in `onRelayError`. */
  readonly id: string;
  /** `sent`: the provider accepted it. `queued`: it will be tried later. `failed`: it was lost, and `error` says why. */
  readonly status: 'sent' | 'queued' | 'failed';
  readonly error?: SocketDeliveryError;
}
