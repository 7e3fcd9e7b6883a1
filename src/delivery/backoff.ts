import { fullJitterGenerator } from 'cockatiel';

const BACKOFF = { generator: fullJitterGenerator, initialDelay: 250, maxDelay: 5_000, exponent: 2 };

/** From here on the delay grows no more, and its power of two stays a number. */
const MAX_EXPONENT = 32;

/**
 * Chooses the milliseconds until the next attempt at random, up to a maximum that doubles with every failure: from 250 ms to
 * 5 s. Processes that failed together do not come back together.
 *
 * @param failures earlier failures in a row
 */
export function retryDelayMs(failures: number): number {
  const [delayMs] = fullJitterGenerator(Math.min(failures, MAX_EXPONENT), BACKOFF);
  return delayMs;
}
