import type { SocketDeliveryError } from '../ports/errors.js';

/** The outcome of a relay, as far as its caller can know it; {@link Receipt.status} has the meanings. */
export type RelayOutcome = 'sent' | 'queued' | 'failed' | 'dropped';

/** The answer to one call that relays or disconnects. */
export interface Receipt {
  /** The message id, the same in the logs and in `onRelayError`. */
  readonly id: string;
  /**
   * `sent`: the provider accepted it. `queued`: it is sent later, which is after the commit, after its delay, or by another
   * attempt. `failed`: it was lost, and `error` has the reason. `dropped`: it was made after its transaction had been rolled
   * back, and is never sent.
   */
  readonly status: RelayOutcome;
  /** Present where the status is `failed`. */
  readonly error?: SocketDeliveryError;
}

/** A relay that the provider did not accept, or not for all its recipients. */
export interface LostRelay {
  /** The message id, the same in the receipt. */
  readonly id: string;
  /** The event's name; `undefined` on a disconnect. */
  readonly event: string | undefined;
  /** The reason, and in `lost` the recipients who were missed. */
  readonly error: SocketDeliveryError;
}
