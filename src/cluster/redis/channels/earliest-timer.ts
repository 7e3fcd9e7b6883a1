import type { Clock, Timer } from '../../../ports/clock.js';

/** One timer for several reasons: it rings at the earliest, and whoever hears it looks what is due. */
export class EarliestTimer {
  #timer: Timer | undefined;
  #ringsAt = Number.POSITIVE_INFINITY;

  constructor(
    private readonly clock: Clock,
    private readonly ring: () => void,
  ) {}

  get isSet(): boolean {
    return this.#timer !== undefined;
  }

  /** Rings after so many milliseconds, if it would not before. */
  set(milliseconds: number): void {
    const ringsAt = this.clock.now() + milliseconds;
    if (ringsAt >= this.#ringsAt) return;
    this.#timer?.cancel();
    this.#ringsAt = ringsAt;
    this.#timer = this.clock.after(milliseconds, () => {
      this.cancel();
      this.ring();
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#ringsAt = Number.POSITIVE_INFINITY;
  }
}
