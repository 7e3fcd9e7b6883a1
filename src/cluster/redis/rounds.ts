import type { Clock, Timer } from '../../ports/clock.js';

/** Every item is visited once in this time, in milliseconds, unless there are more than {@link BATCH} in {@link PAUSE_MS}. */
const ROUND_MS = 10_000;
/** How many items are visited at a time. */
const BATCH = 100;
/** The shortest pause between two batches: at most 1,000 items are visited in a second. */
const PAUSE_MS = 100;

/** Visits the items of a map, some at a time, round after round, for as long as there are any. */
export class Rounds<T> {
  readonly #items: ReadonlyMap<string, T>;
  readonly #clock: Clock;
  readonly #visit: (batch: readonly (readonly [string, T])[]) => Promise<void>;
  #left: Iterator<readonly [string, T], undefined>;
  #timer: Timer | undefined;
  #isStopped = false;

  /** @param visit visits some items; the next ones are visited a while after it has settled. Must not reject. */
  constructor(
    items: ReadonlyMap<string, T>,
    clock: Clock,
    visit: (batch: readonly (readonly [string, T])[]) => Promise<void>,
  ) {
    this.#items = items;
    this.#clock = clock;
    this.#visit = visit;
    this.#left = items.entries();
  }

  /** Visits from now on. To be called again when there is an item after there was none. */
  start(): void {
    if (this.#timer !== undefined || this.#isStopped || this.#items.size === 0) return;
    const batches = Math.ceil(this.#items.size / BATCH);
    this.#timer = this.#clock.after(Math.max(PAUSE_MS, ROUND_MS / batches), () => {
      void this.#visit(this.#next()).finally(() => {
        this.#timer = undefined;
        this.start();
      });
    });
  }

  /** Stops for good. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #next(): readonly (readonly [string, T])[] {
    const batch: (readonly [string, T])[] = [];
    while (batch.length < BATCH) {
      const next = this.#left.next();
      if (next.done === true) {
        this.#left = this.#items.entries();
        break;
      }
      batch.push(next.value);
    }
    return batch;
  }
}
