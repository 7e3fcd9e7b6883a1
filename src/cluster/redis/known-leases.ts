/** How many leases that are gone are remembered. */
const MOST_GONE = 1_000;

/**
 * The leases that Redis had when this node last renewed its own, and those that are gone since. So a node notices that a Redis with
 * older data has a lease again that was reaped.
 */
export class KnownLeases {
  #names: ReadonlySet<string> = new Set();
  #alive: ReadonlySet<string> = new Set();
  readonly #gone = new Set<string>();

  /** Whether a node has this lease, or it is claimed. */
  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** The leases that were good when Redis had lost nothing last. */
  get alive(): ReadonlySet<string> {
    return this.#alive;
  }

  /** Whether this lease was reaped, as far as this node has seen. */
  isGone(name: string): boolean {
    return this.#gone.has(name);
  }

  /**
   * Redis has these leases.
   *
   * @param entries `name, time, name, time`…: when each was renewed last
   * @param aliveSince a lease that was renewed later is alive
   * @param isComplete whether Redis has lost nothing, so that a lease that is missing is gone
   */
  learn(entries: readonly string[], aliveSince: number, isComplete: boolean): void {
    const before = this.#names;
    const names = new Set<string>();
    const alive = new Set<string>();
    for (let index = 0; index < entries.length; index += 2) {
      const [name = '', time] = entries.slice(index, index + 2);
      names.add(name);
      if (Number(time) <= aliveSince) continue;
      this.#gone.delete(name);
      alive.add(name);
    }
    this.#names = names;
    if (!isComplete) return;
    this.#alive = alive;
    for (const name of before) if (!names.has(name)) this.#gone.add(name);
    for (const name of this.#gone) {
      if (this.#gone.size <= MOST_GONE) break;
      this.#gone.delete(name);
    }
  }
}
