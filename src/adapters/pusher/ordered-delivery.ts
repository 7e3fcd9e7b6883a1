import { within } from './deadline.js';
import { RequestFailure } from './request-failure.js';

/** How many calls may wait behind others at a time, over all keys. More are refused at once. */
export const MAX_WAITING = 10_000;

/**
 * A place in the order. Runs the work once everything before it is through; must be called exactly once. `isLate` tells
 * the work whether it is too late by now to begin anything more.
 *
 * @throws RequestFailure when the turn does not come in time, or no place was free; the work is not run then
 */
export type Turn = <T>(work: (isLate: () => boolean) => Promise<T>) => Promise<T>;

/**
 * Keeps work on one key in the order it was asked for, and lets different keys run side by side: HTTP requests may
 * overtake each other, events to one member must not. What fails does not hold up what comes after it.
 *
 * Nothing is begun later than so many milliseconds after its place was taken, so nobody waits for a whole queue to time
 * out one by one.
 */
export class OrderedDelivery {
  /** Ends when the latest work on a key is through. A key that nothing waits for has no entry. */
  private readonly tails = new Map<string, Promise<void>>();
  #waiting = 0;

  constructor(private readonly longestWaitMs: number) {}

  /**
   * Takes a place behind everything that was asked for on any of these keys. The place is taken at once, so work may be
   * started late (a bounded queue) without losing it. Nothing waits for what comes later, so no two wait for each other.
   */
  take(keys: readonly string[]): Turn {
    const latest = performance.now() + this.longestWaitMs;
    const isLate = () => performance.now() >= latest;
    const ahead = keys.flatMap((key) => this.tails.get(key) ?? []);
    if (ahead.length > 0 && this.#waiting >= MAX_WAITING) return refuse;
    const stopWaiting = ahead.length > 0 ? this.#startWaiting() : () => undefined;
    const before = Promise.all(ahead);
    let release = (): void => undefined;
    const tail = new Promise<void>((resolve) => {
      release = resolve;
    });
    for (const key of keys) this.tails.set(key, tail);

    return async (work) => {
      try {
        const isTurn = await within(
          latest - performance.now(),
          before.then(() => !isLate()),
          () => false,
        );
        stopWaiting();
        if (!isTurn) throw tooLate(this.longestWaitMs);
        return await work(isLate);
      } finally {
        // Behind a place that was given up, what is in front of it is still waited for.
        void before.then(() => {
          for (const key of keys) if (this.tails.get(key) === tail) this.tails.delete(key);
          release();
        });
      }
    };
  }

  /** Resolves when all work asked for until now is through. */
  async idle(): Promise<void> {
    await Promise.all(this.tails.values());
  }

  #startWaiting(): () => void {
    this.#waiting++;
    return () => this.#waiting--;
  }
}

function refuse(): Promise<never> {
  const reason = `${MAX_WAITING} calls are waiting for their turn already`;
  return Promise.reject(new RequestFailure(reason, { retryable: true }));
}

function tooLate(milliseconds: number): RequestFailure {
  const reason = `its turn behind earlier calls did not come within ${milliseconds} ms`;
  return new RequestFailure(reason, { retryable: true });
}
