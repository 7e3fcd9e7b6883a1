import type { Socket } from 'node:net';

/** From the end that connected, or to it. */
export type Way = 'up' | 'down';

/** The faults of the network at the moment. */
export interface Faults {
  delayMs: number;
  jitterMs: number;
  trickle: { readonly bytes: number; readonly everyMs: number; readonly ways: readonly Way[] } | undefined;
  isHole: boolean;
}

/** Beyond this, whoever sends has to wait, as it would for a real network. */
const HELD_BYTES = 262_144;

/** How long the last bytes of a connection that is to break have to arrive: a reset would overtake them. */
const LAST_BYTES_MS = 25;

/** One way of one connection: what came from one end and is on its way to the other. */
export class Flow {
  readonly #held: { bytes: Buffer; readonly dueAt: number }[] = [];
  #heldBytes = 0;
  #lastDueAt = 0;
  /** While bytes trickle: when the next ones may pass. */
  #nextAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;
  #isDiscarding = false;
  #isBlocked = false;
  /** How many bytes may still pass, and what happens then. */
  #left = Infinity;
  #tear: () => void = () => undefined;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly way: Way,
    private readonly faults: Readonly<Faults>,
  ) {
    from.on('data', (bytes: Buffer) => {
      this.#take(bytes);
    });
    from.once('end', () => {
      this.#hasEnded = true;
      this.pump();
    });
    to.on('drain', () => {
      this.#isBlocked = false;
      this.pump();
    });
    to.once('close', () => {
      clearTimeout(this.#timer);
    });
  }

  /** From now on what comes is dropped. */
  discard(): void {
    this.#isDiscarding = true;
    this.#held.length = 0;
    clearTimeout(this.#timer);
    this.from.resume();
  }

  /** Once so many more bytes have passed, nothing passes any more, and this is called when they have arrived. */
  tearAfter(bytes: number, tear: () => void): void {
    this.#left = bytes;
    this.#tear = tear;
  }

  /** Passes on what may pass by now. */
  pump(): void {
    clearTimeout(this.#timer);
    if (this.#isDiscarding) return;
    if (this.faults.isHole) {
      this.from.pause();
      return;
    }
    for (let [first] = this.#held; first !== undefined && !this.#isBlocked; [first] = this.#held) {
      const wait = Math.max(first.dueAt, this.#nextAt) - performance.now();
      if (wait > 0) {
        this.#pumpIn(wait);
        break;
      }
      const { trickle } = this.faults;
      const isSlow = trickle?.ways.includes(this.way) === true;
      if (!this.#pass(first, isSlow ? trickle.bytes : Infinity)) return;
      if (isSlow) this.#nextAt = performance.now() + trickle.everyMs;
    }
    if (this.#heldBytes > HELD_BYTES || this.#isBlocked) this.from.pause();
    else this.from.resume();
    if (this.#hasEnded && this.#held.length === 0 && !this.to.writableEnded) this.to.end();
  }

  #take(bytes: Buffer): void {
    if (this.#isDiscarding) return;
    const { delayMs, jitterMs } = this.faults;
    const dueAt = delayMs + jitterMs === 0 ? 0 : performance.now() + delayMs + Math.random() * jitterMs;
    this.#lastDueAt = Math.max(this.#lastDueAt, dueAt);
    this.#held.push({ bytes, dueAt: this.#lastDueAt });
    this.#heldBytes += bytes.length;
    this.pump();
  }

  /** @returns whether anything may follow */
  #pass(first: { bytes: Buffer }, most: number): boolean {
    const isTorn = Math.min(first.bytes.length, most) > this.#left;
    const part = first.bytes.subarray(0, Math.min(most, this.#left));
    this.#left -= part.length;
    this.#heldBytes -= part.length;
    if (part.length < first.bytes.length) first.bytes = first.bytes.subarray(part.length);
    else this.#held.shift();
    if (this.to.writable && part.length > 0) this.#isBlocked = !this.to.write(part);
    if (!isTorn) return true;
    this.#isDiscarding = true;
    // Not cleared by the end of either socket, which only makes it unnecessary.
    setTimeout(this.#tear, LAST_BYTES_MS).unref();
    return false;
  }

  #pumpIn(ms: number): void {
    this.#timer = setTimeout(() => {
      this.pump();
    }, ms);
  }
}
