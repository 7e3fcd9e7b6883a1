import type { Clock, Timer } from '../../../ports/clock.js';

/** One timer for several reasons. It rings at the earliest of the times that were set, and the listener checks what is due. */
export class EarliestTimer {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #timer: Timer | undefined;
  #ringsAt = Number.POSITIVE_INFINITY;
  #isDue = false;

  /** @param ring called each time the timer rings */
  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Whether the timer will ring. */
  get isSet(): boolean {
    return this.#timer !== undefined;
  }

  /** Whether the timer has rung since the last {@link takeDue}. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** Rings after so many milliseconds, unless the timer rings earlier anyway. */
  set(milliseconds: number): void {
    const ringsAt = this.#clock.now() + milliseconds;
    if (ringsAt >= this.#ringsAt) return;
    this.#timer?.cancel();
    this.#ringsAt = ringsAt;
    this.#timer = this.#clock.after(milliseconds, () => {
      this.cancel();
      this.#isDue = true;
      this.#ring();
    });
  }

  /** Marks the last ring as handled. @returns whether there was one to handle */
  takeDue(): boolean {
    const isDue = this.#isDue;
    this.#isDue = false;
    return isDue;
  }

  /** Does not ring any more, unless it is set again. */
  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#ringsAt = Number.POSITIVE_INFINITY;
  }
}
