import type { Clock, Timer } from '../../ports/clock.js';

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now = Date.UTC(2026, 0, 1);
  readonly #pending = new Set<{ readonly at: number; readonly call: () => void }>();

  now(): number {
    return this.#now;
  }

  time(): number {
    return this.#now;
  }

  after(milliseconds: number, call: () => void): Timer {
    const entry = { at: this.#now + milliseconds, call };
    this.#pending.add(entry);
    return { cancel: () => void this.#pending.delete(entry) };
  }

  /** Moves the clock, and makes every call that becomes due, in the order of their times. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const [next] = [...this.#pending].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#pending.delete(next);
      this.#now = next.at;
      next.call();
    }
    this.#now = end;
  }
}
