import type { Clock, Timer } from '../../ports/clock.js';

/**
 * Times are rounded up to a multiple of this. Relays that are due at almost the same time are then sent together, so that a
 * provider can put them into one request.
 */
const GRAIN_MS = 25;

/** One timer for everything that is to be done later. It rings at the earliest of the times that it was asked for. */
export class WakeTimer {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #timer: Timer | undefined;
  #ringsAt = Infinity;
  #isStopped = false;

  /** @param ring looks for what is due, and asks for the next time */
  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at this time of {@link Clock.now}, rounded up to the grain, unless it rings earlier. `Infinity` asks for nothing. */
  wakeBy(time: number): void {
    if (this.#isStopped || time === Infinity) return;
    const now = this.#clock.now();
    const at = Math.max(now, Math.ceil(time / GRAIN_MS) * GRAIN_MS);
    if (at >= this.#ringsAt) return;
    this.#timer?.cancel();
    this.#ringsAt = at;
    this.#timer = this.#clock.after(at - now, () => {
      this.#ringsAt = Infinity;
      this.#ring();
    });
  }

  /** Never rings again. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }
}
