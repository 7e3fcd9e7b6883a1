import type { Clock, Timer } from '../../../ports/clock.js';

/** How long nodes have to report what they had before Redis lost its data, before any of them reports new members. */
const WINDOW_MS = 1_500;

/**
 * The time after Redis has lost its data, in which nodes report only what they had reported before. A new member could
 * otherwise be let into a channel that looks empty only because its members were not reported yet.
 */
export class RecoveryWindow {
  readonly #clock: Clock;
  readonly #closed: () => void;
  #timer: Timer | undefined;

  /** @param closed called when the time is over */
  constructor(clock: Clock, closed: () => void) {
    this.#clock = clock;
    this.#closed = closed;
  }

  get isOpen(): boolean {
    return this.#timer !== undefined;
  }

  /** Opens the window, or begins its time anew. */
  open(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(WINDOW_MS, () => {
      this.#timer = undefined;
      this.#closed();
    });
  }

  /** Stops the timer: nothing is called any more. */
  cancel(): void {
    this.#timer?.cancel();
  }
}
