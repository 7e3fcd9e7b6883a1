/** Allows so many things in any second, not in any calendar second. */
export class RateLimit {
  #times: number[] | undefined;

  /**
   * Counts one thing, unless it is one too many.
   *
   * @param perSecond 0 allows any number
   * @returns whether it was allowed
   */
  allows(perSecond: number, now: number): boolean {
    if (perSecond === 0) return true;
    if (this.#times === undefined) {
      // As long as it has to be: an empty list would make room for more than one at once, and most never need it.
      this.#times = [now];
      return true;
    }
    const times = this.#times;
    while (now - (times[0] ?? now) >= 1_000) times.shift();
    return times.length < perSecond && times.push(now) > 0;
  }
}
