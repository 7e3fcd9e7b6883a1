import type { Frame } from '../../protocol/frame.js';

/**
 * Frames that wait to be written to a socket. Sockets with the same pending frames share one batch, and so its joined
 * bytes: a broadcast costs each socket one pointer.
 */
export class Batch {
  readonly #previous: Batch | undefined;
  readonly #frame: Frame | undefined;
  /** The batch after `#lastAdded` was added. The next socket that adds the same frame shares it. */
  #next: Batch | undefined;
  #lastAdded: Frame | undefined;
  #bytes: Buffer | undefined;

  private constructor(
    previous: Batch | undefined,
    frame: Frame | undefined,
    /** The bytes on the wire. */
    readonly length: number,
  ) {
    this.#previous = previous;
    this.#frame = frame;
  }

  /** An empty batch to start with. Batches share frames only when they start with the same empty batch. */
  static empty(): Batch {
    return new Batch(undefined, undefined, 0);
  }

  /** This batch with one more frame. */
  with(frame: Frame): Batch {
    if (this.#lastAdded === frame && this.#next !== undefined) return this.#next;
    this.#lastAdded = frame;
    return (this.#next = new Batch(this, frame, this.length + frame.wire.length));
  }

  /** All frames in their order, joined on the first read only. A single frame is not copied. */
  get bytes(): Buffer {
    return (this.#bytes ??= this.#join());
  }

  #join(): Buffer {
    if (this.#frame !== undefined && this.length === this.#frame.wire.length) return this.#frame.wire;
    const bytes = Buffer.allocUnsafe(this.length);
    this.#copyTo(bytes);
    for (let previous = this.#previous; previous !== undefined; previous = previous.#previous) {
      previous.#copyTo(bytes);
    }
    return bytes;
  }

  #copyTo(bytes: Buffer): void {
    if (this.#frame !== undefined) this.#frame.wire.copy(bytes, this.length - this.#frame.wire.length);
  }
}
