/** How much waits, and how much may. 0 allows any number. */
export class Capacity {
  #relays = 0;
  #bytes = 0;

  constructor(
    private readonly maximumRelays: number,
    private readonly maximumBytes: number,
  ) {}

  /** How many wait: an event for one member or one channel each. */
  get relays(): number {
    return this.#relays;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns why there is no room, or nothing where they were taken in */
  take(relays: number, bytes: number): string | undefined {
    if (this.maximumRelays > 0 && this.#relays + relays > this.maximumRelays)
      return `${this.#relays} of ${this.maximumRelays} relays are waiting already`;
    if (this.maximumBytes > 0 && this.#bytes + bytes > this.maximumBytes)
      return `${this.#bytes} of ${this.maximumBytes} bytes are waiting already`;
    this.#relays += relays;
    this.#bytes += bytes;
    return undefined;
  }

  leave(relays: number, bytes: number): void {
    this.#relays -= relays;
    this.#bytes -= bytes;
  }
}
