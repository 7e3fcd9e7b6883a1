import type { SocketDeliveryError } from '../ports/errors.js';

/** What became of one relay. */
export interface Receipt {
  /** The message id, the same in logs and in `onRelayError`. */
  readonly id: string;
  /**
   * `sent`: the provider accepted it. `queued`: it will be tried later: after the commit, or again. `failed`: it was lost, and
   * `error` says why. `dropped`: it was made after its transaction had been rolled back, and is never sent.
   */
  readonly status: 'sent' | 'queued' | 'failed' | 'dropped';
  readonly error?: SocketDeliveryError;
}
