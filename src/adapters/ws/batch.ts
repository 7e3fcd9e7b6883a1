import type { Frame } from '../../protocol/frame.js';

/**
 * Frames that wait to be written to a socket. Sockets that wait for the same frames share one batch, and so the bytes that
 * are joined from it: what a broadcast costs each of them is one pointer.
 */
export class Batch {
  readonly #before: Batch | undefined;
  readonly #frame: Frame | undefined;
  /** The batch that came of adding `#lastAdded`: whoever adds the same frame next goes on from there. */
  #next: Batch | undefined;
  #lastAdded: Frame | undefined;
  #bytes: Buffer | undefined;

  private constructor(
    before: Batch | undefined,
    frame: Frame | undefined,
    /** How many bytes it is on the wire. */
    readonly length: number,
  ) {
    this.#before = before;
    this.#frame = frame;
  }

  /** A batch of nothing, to begin with. Batches that do not begin with the same one share nothing. */
  static empty(): Batch {
    return new Batch(undefined, undefined, 0);
  }

  /** This batch and one frame more. */
  with(frame: Frame): Batch {
    if (this.#lastAdded === frame && this.#next !== undefined) return this.#next;
    this.#lastAdded = frame;
    return (this.#next = new Batch(this, frame, this.length + frame.wire.length));
  }

  /** All frames in their order, joined when first asked for and never again. One alone is not copied. */
  get bytes(): Buffer {
    return (this.#bytes ??= this.#join());
  }

  #join(): Buffer {
    if (this.#frame !== undefined && this.length === this.#frame.wire.length) return this.#frame.wire;
    const bytes = Buffer.allocUnsafe(this.length);
    this.#copyTo(bytes);
    for (let before = this.#before; before !== undefined; before = before.#before) before.#copyTo(bytes);
    return bytes;
  }

  #copyTo(bytes: Buffer): void {
    if (this.#frame !== undefined) this.#frame.wire.copy(bytes, this.length - this.#frame.wire.length);
  }
}
