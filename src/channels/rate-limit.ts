/** Allows a number of actions in any period of one second, not in a calendar second. */
export class RateLimit {
  #times: number[] | undefined;

  /**
   * Counts one action, unless the limit is reached.
   *
   * @param perSecond 0 allows any number
   * @returns whether it was allowed
   */
  allows(perSecond: number, now: number): boolean {
    if (perSecond === 0) return true;
    if (this.#times === undefined) {
      // Created with its first entry: a push to an empty array reserves room for many, and most limits need one entry.
      this.#times = [now];
      return true;
    }
    const times = this.#times;
    while (now - (times[0] ?? now) >= 1_000) times.shift();
    return times.length < perSecond && times.push(now) > 0;
  }
}
