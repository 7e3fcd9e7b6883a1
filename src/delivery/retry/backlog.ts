import type { DeliveryConfig } from '../../ports/socket-config.js';
import { Capacity } from '../../relays/capacity.js';
import type { PendingRelay } from './pending-relay.js';

/** Counts the relays that wait or are tried again, against the bounds of the configuration. */
export class Backlog {
  readonly #capacity: Capacity;
  #relays = 0;

  constructor({ waitingRelays, waitingBytes }: Pick<DeliveryConfig, 'waitingRelays' | 'waitingBytes'>) {
    this.#capacity = new Capacity(waitingRelays, waitingBytes);
  }

  /** The number of relays. A relay to several recipients counts once. */
  get relays(): number {
    return this.#relays;
  }

  /** The number of relays, where each counts once for every recipient for whom it waits. */
  get recipients(): number {
    return this.#capacity.places;
  }

  /** The bytes of the relays. A relay to several recipients counts once. */
  get bytes(): number {
    return this.#capacity.bytes;
  }

  /** Admits a relay for some of its recipients. @returns why there is no room, or nothing where it is admitted */
  admit(pending: PendingRelay, recipients: number): string | undefined {
    const isNew = !pending.isWaiting;
    const refusal = this.#capacity.acquire(recipients, isNew ? pending.bytes : 0);
    if (refusal === undefined && isNew) {
      pending.enterBacklog();
      this.#relays++;
    }
    return refusal;
  }

  /**
   * Settles a relay for some of its recipients.
   *
   * @param wereAdmitted whether these recipients were admitted
   * @returns whether the relay leaves the backlog with them
   */
  settle(pending: PendingRelay, recipients: number, wereAdmitted: boolean): boolean {
    const wasWaiting = pending.isWaiting;
    pending.settle(recipients);
    if (wereAdmitted) this.#capacity.release(recipients, 0);
    if (!wasWaiting || !pending.isSettled) return false;
    this.#capacity.release(0, pending.bytes);
    this.#relays--;
    return true;
  }
}
