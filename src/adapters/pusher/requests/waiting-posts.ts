import type { Call, Delivery } from './dispatch.js';

/** How many calls may wait behind others at a time, over all channels. More are refused at once. */
export const MAX_WAITING = 10_000;

/** The deliveries that wait behind others, and how long they may. */
export class WaitingDeliveries {
  /** In the order of their calls, so the first is the first that is too late. */
  readonly #deliveries = new Set<Delivery>();
  /** How many deliveries of each call wait. */
  readonly #calls = new Map<Call, number>();
  #timer: NodeJS.Timeout | undefined;

  /** @param onLate told of each that has waited too long; it is not among these any more then */
  constructor(private readonly onLate: (delivery: Delivery) => void) {}

  /** @returns whether there was room for it */
  add(delivery: Delivery): boolean {
    const { call } = delivery;
    const ofCall = this.#calls.get(call) ?? 0;
    if (ofCall === 0 && this.#calls.size >= MAX_WAITING) return false;
    this.#calls.set(call, ofCall + 1);
    this.#deliveries.add(delivery);
    return true;
  }

  /** Forgets one whose turn has come; nothing happens when it did not wait. */
  delete(delivery: Delivery): void {
    if (!this.#deliveries.delete(delivery)) return;
    const { call } = delivery;
    const left = (this.#calls.get(call) ?? 0) - 1;
    if (left > 0) this.#calls.set(call, left);
    else this.#calls.delete(call);
    if (this.#deliveries.size === 0) this.#stopWatching();
  }

  /** Gives up what has waited too long by now. */
  giveUpLateOnes(): void {
    const now = performance.now();
    for (const delivery of this.#deliveries) {
      if (delivery.call.startBy > now) return;
      this.delete(delivery);
      this.onLate(delivery);
    }
  }

  /** Watches over the time of those whose {@link Call.startBy} is known. */
  watch(): void {
    const [first] = this.#deliveries;
    if (first === undefined || first.call.startBy === Infinity || this.#timer !== undefined) return;
    // Timers may be early by a part of a millisecond.
    const milliseconds = Math.max(0, first.call.startBy - performance.now()) + 1;
    this.#timer = setTimeout(() => {
      this.#stopWatching();
      this.giveUpLateOnes();
      this.watch();
    }, milliseconds);
  }

  #stopWatching(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
