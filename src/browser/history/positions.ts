import { type Position, positionIn, textOf } from './position.js';

/** Keeps positions for the next load of the page: `sessionStorage`, `localStorage`, or anything with these three methods. */
export interface PositionStorage {
  /** The value, or `null` where there is none; or a promise of it. */
  getItem(key: string): string | null | Promise<string | null>;
  /** Keeps a value. A promise is waited for before the next value of the key. */
  setItem(key: string, value: string): unknown;
  /** Forgets a value. A promise is waited for before the next value of the key. */
  removeItem(key: string): unknown;
}

/** The positions of the channels in the application's storage. A storage that fails is complained of once, and harms nothing. */
export class Positions {
  readonly #storage: PositionStorage;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  /** The values that this page has written last. They are newer than an answer of the storage. */
  readonly #written = new Map<string, string | undefined>();
  readonly #busy = new Set<string>();
  #hasWarned = false;

  /** @param timeoutMs how long the storage may take to find a position; 0 is without a limit */
  constructor(storage: PositionStorage, prefix: string, timeoutMs: number) {
    this.#storage = storage;
    this.#prefix = prefix;
    this.#timeoutMs = timeoutMs;
  }

  /** The position of a channel, at once where the storage answers at once. Something else than a position counts as none. */
  read(channel: string): Position | undefined | Promise<Position | undefined> {
    const key = this.#prefix + channel;
    if (this.#written.has(key)) return positionIn(this.#written.get(key));
    try {
      const found = this.#storage.getItem(key);
      return isPromise(found) ? this.#inTime(found) : positionIn(found);
    } catch (error) {
      this.#warn(error);
      return undefined;
    }
  }

  /** Keeps the position of a channel; without one, forgets it. */
  write(channel: string, position: Position | undefined): void {
    const key = this.#prefix + channel;
    this.#written.set(key, position && textOf(position));
    if (!this.#busy.has(key)) void this.#put(key);
  }

  async #put(key: string): Promise<void> {
    const value = this.#written.get(key);
    this.#busy.add(key);
    try {
      const done = value === undefined ? this.#storage.removeItem(key) : this.#storage.setItem(key, value);
      if (isPromise(done)) await done;
    } catch (error) {
      this.#warn(error);
    }
    this.#busy.delete(key);
    // Two writes of a slow storage could end in the wrong order.
    if (this.#written.get(key) !== value) void this.#put(key);
  }

  async #inTime(found: PromiseLike<unknown>): Promise<Position | undefined> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      if (this.#timeoutMs > 0)
        timer = setTimeout(() => {
          reject(new Error(`it did not answer in ${String(this.#timeoutMs)} ms`));
        }, this.#timeoutMs);
    });
    try {
      return positionIn(await Promise.race([found, late]));
    } catch (error) {
      this.#warn(error);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  #warn(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    // eslint-disable-next-line no-console -- the page goes on, but its developer has to know
    console.warn(
      `nestjs-switchboard: the storage of positions fails, so this page cannot go on from them later: ${String(error)}`,
    );
  }
}

/** A promise may be of another realm, or not of the language itself. */
function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (Object(value) as { then?: unknown }).then === 'function';
}
