import type { Clock, Timer } from '../../ports/clock.js';

/** A clock that stands still until it is moved by hand. */
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

  /** Moves the clock on and makes every call that falls due, in order of its time. */
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
