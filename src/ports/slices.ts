// Not the global one: the application's tests may replace it by one that they run by hand.
import { setImmediate } from 'node:timers';
import { systemClock } from './clock.js';

/**
 * The most steps that work takes within the call that asks for it. More of them are done in slices, by whoever can say before
 * how many they are.
 */
export const STEPS_AT_ONCE = 100;

/** For so long a slice holds the event loop, in milliseconds, and for the rest of its last steps. */
const SLICE_MS = 3;
/** The most steps of a slice, also where a test has stopped the time. */
const SLICE_STEPS = 2_000;
/** The clock is looked at once in so many steps. */
const STEPS_UNSEEN = 8;

/**
 * Work in small steps, with a `yield` after each. Other work of the process may go on at any of them. It may yield a promise
 * too: then the next step waits for it, whether it resolves or rejects.
 */
export type Work<T = void> = Generator<Promise<unknown> | undefined, T, undefined>;

/** Takes steps, until the work is done or waits for a promise, or `isOver` says that the slice is. */
type Runner = (isOver: () => boolean) => 'done' | 'waits' | 'goes on';

/** All work of this process that can go on. One event loop serves it, so the slices of all of it together are bounded. */
const runners = new Set<Runner>();
let isPlanned = false;

/**
 * Does work that would hold the event loop for long. It begins in the next turn of the loop, and in every turn all work of this
 * process together gets a few milliseconds. Resolves with what the work returns, and rejects with what it throws.
 */
export function inSlices<T>(work: Work<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const runner: Runner = (isOver) => {
      try {
        do {
          const { done, value } = work.next();
          if (done === true) {
            resolve(value);
            return 'done';
          }
          if (value !== undefined) {
            const goOn = () => {
              start(runner);
            };
            value.then(goOn, goOn);
            return 'waits';
          }
        } while (!isOver());
        return 'goes on';
      } catch (error) {
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the error is passed on unchanged
        reject(error);
        return 'done';
      }
    };
    start(runner);
  });
}

function start(runner: Runner): void {
  runners.add(runner);
  plan();
}

function plan(): void {
  if (isPlanned) return;
  isPlanned = true;
  setImmediate(slice);
}

function slice(): void {
  isPlanned = false;
  const endsAt = systemClock.now() + SLICE_MS;
  let steps = 0;
  const isOver = () => ++steps >= SLICE_STEPS || (steps % STEPS_UNSEEN === 0 && systemClock.now() >= endsAt);
  // In turn: work that was cut off goes on after all other.
  for (const runner of runners) {
    runners.delete(runner);
    if (runner(isOver) === 'goes on') runners.add(runner);
    if (steps >= SLICE_STEPS || systemClock.now() >= endsAt) break;
  }
  if (runners.size > 0) plan();
}
