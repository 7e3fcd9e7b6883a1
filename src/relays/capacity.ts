/** Counts the relays and bytes in use against a maximum of each. A maximum of 0 allows any number. */
export class Capacity {
  readonly #maximumRelays: number;
  readonly #maximumBytes: number;
  #relays = 0;
  #bytes = 0;

  /** @param maximumRelays one for each member or channel that an event goes to */
  constructor(maximumRelays: number, maximumBytes: number) {
    this.#maximumRelays = maximumRelays;
    this.#maximumBytes = maximumBytes;
  }

  /** Relays in use. */
  get relays(): number {
    return this.#relays;
  }

  /** Bytes in use. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns the reason why there is no room; `undefined` where the room was acquired */
  acquire(relays: number, bytes: number): string | undefined {
    if (this.#maximumRelays > 0 && this.#relays + relays > this.#maximumRelays)
      return `${this.#relays} of ${this.#maximumRelays} relays are waiting already`;
    if (this.#maximumBytes > 0 && this.#bytes + bytes > this.#maximumBytes)
      return `${this.#bytes} of ${this.#maximumBytes} bytes are waiting already`;
    this.#relays += relays;
    this.#bytes += bytes;
    return undefined;
  }

  /** Gives back room that was acquired. */
  release(relays: number, bytes: number): void {
    this.#relays -= relays;
    this.#bytes -= bytes;
  }
}
