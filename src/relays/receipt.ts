import type { SocketDeliveryError } from '../ports/errors.js';

/** What became of a relay, as far as its caller can know. */
export type RelayOutcome = 'sent' | 'queued' | 'failed' | 'dropped';

/** The answer to one relay. */
export interface Receipt {
  /** The message id, the same in the logs and in `onRelayError`. */
  readonly id: string;
  /**
   * `sent`: the provider accepted it. `queued`: it is sent later: after the commit, after its delay, or by another attempt.
   * `failed`: it was lost, and `error` says why. `dropped`: it was made after its transaction had been rolled back, and is
   * never sent.
   */
  readonly status: RelayOutcome;
  /** Present where the status is `failed`. */
  readonly error?: SocketDeliveryError;
}

/** A relay that did not reach the provider. */
export interface LostRelay {
  /** The message id, the same in the receipt. */
  readonly id: string;
  /** The event's name; `undefined` on a disconnect. */
  readonly event: string | undefined;
  readonly error: SocketDeliveryError;
}
