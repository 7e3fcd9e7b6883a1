/**
 * Counts the places and bytes that relays take, against a maximum of each. A maximum of 0 allows any number. A relay takes one
 * place for each member or channel that it goes to.
 */
export class Capacity {
  readonly #maximumPlaces: number;
  readonly #maximumBytes: number;
  #places = 0;
  #bytes = 0;

  constructor(maximumPlaces: number, maximumBytes: number) {
    this.#maximumPlaces = maximumPlaces;
    this.#maximumBytes = maximumBytes;
  }

  /** Places in use. */
  get places(): number {
    return this.#places;
  }

  /** Bytes in use. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns the reason why there is no room; `undefined` where the room was acquired */
  acquire(places: number, bytes: number): string | undefined {
    if (this.#maximumPlaces > 0 && this.#places + places > this.#maximumPlaces)
      return `${this.#places} of ${this.#maximumPlaces} relays are waiting already`;
    if (this.#maximumBytes > 0 && this.#bytes + bytes > this.#maximumBytes)
      return `${this.#bytes} of ${this.#maximumBytes} bytes are waiting already`;
    this.#places += places;
    this.#bytes += bytes;
    return undefined;
  }

  /** Gives back room that was acquired. */
  release(places: number, bytes: number): void {
    this.#places -= places;
    this.#bytes -= bytes;
  }
}
