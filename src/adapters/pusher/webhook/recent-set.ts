/** A set of the latest values, with a limit on their number. */
export class RecentSet {
  readonly #capacity: number;
  readonly #values = new Set<string>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** @returns whether the value is new */
  add(value: string): boolean {
    if (this.#values.has(value)) return false;
    this.#values.add(value);
    const [oldest] = this.#values;
    if (this.#values.size > this.#capacity && oldest !== undefined) this.#values.delete(oldest);
    return true;
  }
}
