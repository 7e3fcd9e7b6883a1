/** A place in the order. Runs the work once everything before it is through; must be called exactly once. */
export type Turn = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Keeps work on one key in the order it was asked for, and lets different keys run side by side: HTTP requests may
 * overtake each other, events to one member must not. What fails does not hold up what comes after it.
 */
export class OrderedDelivery {
  /** Ends when the latest work on a key is through. A key that nothing waits for has no entry. */
  private readonly tails = new Map<string, Promise<void>>();

  /**
   * Takes a place behind everything that was asked for on any of these keys. The place is taken at once, so work may be
   * started late (a bounded queue) without losing it. Nothing waits for what comes later, so no two wait for each other.
   */
  take(keys: readonly string[]): Turn {
    const before = Promise.all(keys.flatMap((key) => this.tails.get(key) ?? []));
    let release = (): void => undefined;
    const tail = new Promise<void>((resolve) => {
      release = resolve;
    });
    for (const key of keys) this.tails.set(key, tail);

    return async (work) => {
      await before;
      try {
        return await work();
      } finally {
        for (const key of keys) if (this.tails.get(key) === tail) this.tails.delete(key);
        release();
      }
    };
  }

  /** Resolves when all work asked for until now is through. */
  async idle(): Promise<void> {
    await Promise.all(this.tails.values());
  }
}
