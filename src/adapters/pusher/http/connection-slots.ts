import { type Clock, within } from '../../../ports/clock.js';

/**
 * Lets so many requests be under way at a time; further ones wait in line.
 *
 * An HTTP agent's own `maxSockets` is no replacement. It hands a connection to the next request in line while the answer
 * before is being finished, and `node-fetch`, which the SDK uses, then takes a complete chunked answer for a broken one.
 */
export class ConnectionSlots {
  readonly #clock: Clock;
  #free: number;
  readonly #line = new Set<() => void>();

  constructor(count: number, clock: Clock) {
    this.#clock = clock;
    this.#free = count;
  }

  /**
   * Waits for a slot, no longer than until `latest`, on the clock's `now()`.
   *
   * @returns what gives the slot back, to be called once; or `undefined` when it is too late
   */
  async take(latest: number): Promise<(() => void) | undefined> {
    const timeLeft = latest - this.#clock.now();
    if (timeLeft <= 0) return undefined;
    if (this.#free > 0) {
      this.#free--;
      return this.#release;
    }
    let leave = (): void => undefined;
    const granted = new Promise<() => void>((resolve) => {
      const grant = () => {
        resolve(this.#release);
      };
      this.#line.add(grant);
      leave = () => this.#line.delete(grant);
    });
    return within<(() => void) | undefined>(this.#clock, timeLeft, granted, () => {
      leave();
      return undefined;
    });
  }

  readonly #release = (): void => {
    const [next] = this.#line;
    if (next === undefined) {
      this.#free++;
    } else {
      this.#line.delete(next);
      next();
    }
  };
}
