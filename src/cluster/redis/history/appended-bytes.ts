import type { Clock } from '../../../ports/clock.js';

/** The time is divided into so many parts, each counted on its own. */
const PARTS = 60;

/** The events that this process has put into Redis and that are not too old yet, counted to a sixtieth of their age. */
export class AppendedBytes {
  readonly #clock: Clock;
  readonly #partMs: number;
  /** The oldest first. */
  readonly #parts: { readonly part: number; events: number; bytes: number }[] = [];
  #events = 0;
  #bytes = 0;

  constructor(clock: Clock, ageMs: number) {
    this.#clock = clock;
    this.#partMs = ageMs / PARTS;
  }

  get events(): number {
    this.#expire(this.#part);
    return this.#events;
  }

  get bytes(): number {
    this.#expire(this.#part);
    return this.#bytes;
  }

  add(bytes: number): void {
    const part = this.#part;
    this.#expire(part);
    const last = this.#parts.at(-1);
    if (last?.part === part) {
      last.events++;
      last.bytes += bytes;
    } else this.#parts.push({ part, events: 1, bytes });
    this.#events++;
    this.#bytes += bytes;
  }

  get #part(): number {
    return Math.floor(this.#clock.now() / this.#partMs);
  }

  #expire(part: number): void {
    for (
      let [oldest] = this.#parts;
      oldest !== undefined && oldest.part < part - PARTS;
      [oldest] = this.#parts
    ) {
      this.#events -= oldest.events;
      this.#bytes -= oldest.bytes;
      this.#parts.shift();
    }
  }
}
