/** A pending call of {@link Clock.after}. */
export interface Timer {
  /** Prevents the call; without effect once it was made. */
  cancel(): void;
}

/** The only source of time and timers: the system's in production; in tests, one that the test moves by hand. */
export interface Clock {
  /** Milliseconds since some moment; they never go back. Use them to measure durations. */
  now(): number;
  /** The time of day: milliseconds since the epoch. It may be set back. */
  time(): number;
  /** Calls once, after so many milliseconds. A pending call does not keep the process alive. */
  after(milliseconds: number, call: () => void): Timer;
}

/** The inversify token of the clock. */
export const CLOCK = Symbol.for('nestjs-switchboard.Clock');

/** The system's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  time: () => Date.now(),
  after(milliseconds, call) {
    const handle = setTimeout(call, milliseconds);
    handle.unref();
    return {
      cancel: () => {
        clearTimeout(handle);
      },
    };
  },
};

/**
 * Waits for some work, but at most so many milliseconds; then `late` decides. The work itself is not stopped, and its later
 * result is ignored.
 */
export async function within<T>(
  clock: Clock,
  milliseconds: number,
  work: Promise<T>,
  late: () => T | Promise<T>,
): Promise<T> {
  let timer: Timer | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = clock.after(milliseconds, resolve);
  }).then(late);
  try {
    return await Promise.race([work, deadline]);
  } finally {
    timer?.cancel();
  }
}
