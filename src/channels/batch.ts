/** One message to clients, as a {@link Batch} joins it with others. */
export interface Message {
  readonly text: string;
  /** The message on the wire of a WebSocket. */
  readonly wire: Buffer;
}

/**
 * Messages that wait to be written to a connection. Connections with the same pending messages share one batch, and so its
 * joined bytes: a broadcast costs each connection one pointer.
 */
export class Batch {
  readonly #previous: Batch | undefined;
  readonly #message: Message | undefined;
  /** The batch after `#lastAdded` was added. The next connection that adds the same message shares it. */
  #next: Batch | undefined;
  #lastAdded: Message | undefined;
  #bytes: Buffer | undefined;
  #text: string | undefined;

  private constructor(
    previous: Batch | undefined,
    message: Message | undefined,
    /** The bytes on the wire. */
    readonly length: number,
  ) {
    this.#previous = previous;
    this.#message = message;
  }

  /** An empty batch to start with. Batches share messages only when they start with the same empty batch. */
  static empty(): Batch {
    return new Batch(undefined, undefined, 0);
  }

  /** This batch with one more message. */
  with(message: Message): Batch {
    if (this.#lastAdded === message && this.#next !== undefined) return this.#next;
    this.#lastAdded = message;
    return (this.#next = new Batch(this, message, this.length + message.wire.length));
  }

  /** All messages in their order, joined on the first read only. A single one is not copied. */
  get bytes(): Buffer {
    return (this.#bytes ??= this.#join());
  }

  /**
   * The texts of all messages in their order, joined on the first call only.
   *
   * @param separator stands between them; the same at every call
   */
  joined(separator: string): string {
    return (this.#text ??= this.#joinTexts(separator));
  }

  #joinTexts(separator: string): string {
    const texts: string[] = [];
    if (this.#message !== undefined) texts.push(this.#message.text);
    for (let previous = this.#previous; previous !== undefined; previous = previous.#previous) {
      if (previous.#message !== undefined) texts.push(previous.#message.text);
    }
    return texts.reverse().join(separator);
  }

  #join(): Buffer {
    if (this.#message !== undefined && this.length === this.#message.wire.length) return this.#message.wire;
    const bytes = Buffer.allocUnsafe(this.length);
    this.#copyTo(bytes);
    for (let previous = this.#previous; previous !== undefined; previous = previous.#previous) {
      previous.#copyTo(bytes);
    }
    return bytes;
  }

  #copyTo(bytes: Buffer): void {
    if (this.#message !== undefined) this.#message.wire.copy(bytes, this.length - this.#message.wire.length);
  }
}
