// The host's tests may replace the global one by one that they move by hand.
import { setImmediate } from 'node:timers';
import { Batch } from './batch.js';

/** Whatever has something to write at the end of a turn. */
interface Waiting {
  flush(): void;
}

/** How much is gathered for one socket before it is written without waiting for the end of the turn, in bytes. */
const GATHERED_BYTES = 65_536;

/**
 * Gathers what one turn of the event loop sends, and writes it at the turn's end: one write for each socket, however many
 * frames it got, and one buffer for all sockets that got the same ones. When a turn sends one event that costs nothing;
 * when events come faster than the loop turns it saves most of the system calls.
 */
export class WriteCoalescer {
  /** How many connections were closed because their clients read too slowly. */
  slowReaders = 0;
  /** How much is gathered for one socket at most: never so much that it alone would make its reader a slow one. */
  readonly gatheredBytes: number;
  #empty = Batch.empty();
  #waiting: Waiting[] = [];

  constructor(
    /** How much may wait for one client to read it, in bytes; 0 allows any amount. */
    readonly bufferedBytes: number,
  ) {
    this.gatheredBytes = bufferedBytes === 0 ? GATHERED_BYTES : Math.min(GATHERED_BYTES, bufferedBytes / 2);
  }

  /** What a connection's queue begins with in this turn. */
  get empty(): Batch {
    return this.#empty;
  }

  /** Has a connection flushed at the end of this turn. */
  add(connection: Waiting): void {
    // Not a microtask: everything that the sockets, timers and promises of this turn bring about shall be in it.
    if (this.#waiting.push(connection) === 1) setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const connection of waiting) connection.flush();
    // Or the turn's last frames would be kept until the next one's.
    this.#empty = Batch.empty();
  };
}
