/** A pending call of {@link Clock.after}. */
export interface Timer {
  cancel(): void;
}

/** Time, as the engine sees it: the system's in production, a hand-moved one in tests. */
export interface Clock {
  /** Milliseconds since some moment, never going back: for measuring, not for telling the time. */
  now(): number;
  /** The time: milliseconds since the epoch. It may be set back. */
  time(): number;
  /** Calls once after so many milliseconds. A pending call never keeps the process alive. */
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
