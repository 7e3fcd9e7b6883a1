import type { Clock, Timer } from '../../../ports/clock.js';

/** Something that is to end in time. */
export interface Expiring {
  expire(): void;
}

/**
 * Ends work that takes too long. All of it has the same time, so the oldest expires first, and one timer is enough: none is made for
 * each message.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  /** The running work, the oldest first, each with its time in milliseconds of `Clock.now()`. */
  readonly #running = new Map<Expiring, number>();
  #timer: Timer | undefined;

  /** @param timeoutMs milliseconds that each may take; 0 is without a limit */
  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** @param now milliseconds of `Clock.now()` */
  add(work: Expiring, now: number): void {
    if (this.#timeoutMs === 0) return;
    this.#running.set(work, now + this.#timeoutMs);
    this.#timer ??= this.#clock.after(this.#timeoutMs, this.#expire);
  }

  delete(work: Expiring): void {
    this.#running.delete(work);
  }

  /** Releases the timer. */
  close(): void {
    this.#timer?.cancel();
    this.#running.clear();
  }

  readonly #expire = (): void => {
    const now = this.#clock.now();
    this.#timer = undefined;
    for (const [work, at] of this.#running) {
      // A timer may fire a moment before its time.
      if (at > now + 1) {
        this.#timer = this.#clock.after(at - now, this.#expire);
        return;
      }
      this.#running.delete(work);
      work.expire();
    }
  };
}
