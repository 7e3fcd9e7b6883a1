// Not the global one: the application's tests may replace it by one that they run by hand.
import { setImmediate } from 'node:timers';
import { inSlices, type Work } from '../ports/slices.js';

/** So many answers are given at once in a turn of the event loop. */
const AT_ONCE = 20;

/** Answers clients in order: few of a turn of the event loop at once, and more of them in slices, which do not hold it. */
export class Answers {
  readonly #failed: (error: unknown) => void;
  readonly #waiting = new Set<() => void>();
  #isAnswering = false;
  /** How many were given at once in this turn. */
  #given = 0;

  /** @param failed called with what an answer throws that had to wait */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** @returns whether the next answer can be given at once, and then it is counted */
  isFree(): boolean {
    if (this.#waiting.size > 0 || this.#given >= AT_ONCE) return false;
    if (this.#given++ === 0) {
      setImmediate(() => {
        this.#given = 0;
      });
    }
    return true;
  }

  /** Gives an answer after those that wait. */
  later(answer: () => void): void {
    this.#waiting.add(answer);
    if (this.#isAnswering) return;
    this.#isAnswering = true;
    void inSlices(this.#answerAll());
  }

  *#answerAll(): Work {
    for (const answer of this.#waiting) {
      this.#waiting.delete(answer);
      try {
        answer();
      } catch (error) {
        this.#failed(error);
      }
      yield;
    }
    this.#isAnswering = false;
  }
}
