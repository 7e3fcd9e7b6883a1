import { type Clock, within } from '../../../ports/clock.js';

/**
 * Limits the number of concurrent requests; further ones wait in a queue.
 *
 * An HTTP agent's own `maxSockets` is no replacement. It gives a connection to the next request before the previous answer
 * is finished, and then `node-fetch`, which the SDK uses, takes a complete chunked answer for a broken one.
 */
export class ConnectionSlots {
  readonly #clock: Clock;
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number, clock: Clock) {
    this.#clock = clock;
    this.#free = count;
  }

  /**
   * Waits for a slot, at most until `latest`, in milliseconds of `Clock.now()`.
   *
   * @returns the function that releases the slot, to be called once; `undefined` when it is too late
   */
  async acquire(latest: number): Promise<(() => void) | undefined> {
    const timeLeft = latest - this.#clock.now();
    if (timeLeft <= 0) return undefined;
    if (this.#free > 0) {
      this.#free--;
      return this.#release;
    }
    let stopWaiting = (): void => undefined;
    const granted = new Promise<() => void>((resolve) => {
      const grant = () => {
        resolve(this.#release);
      };
      this.#waiting.add(grant);
      stopWaiting = () => this.#waiting.delete(grant);
    });
    return within<(() => void) | undefined>(this.#clock, timeLeft, granted, () => {
      stopWaiting();
      return undefined;
    });
  }

  readonly #release = (): void => {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
    } else {
      this.#waiting.delete(next);
      next();
    }
  };
}
