// Imported, because the tests of an application may replace the global function by a fake.
import { setImmediate } from 'node:timers';
import { Batch } from './batch.js';

/** A connection with frames to write at the end of the turn. */
interface Flushable {
  flush(): void;
}

/** The bytes gathered for one socket after which they are written without waiting for the end of the turn. */
const GATHERED_BYTES = 65_536;

/**
 * Gathers the frames of one turn of the event loop, and writes them at its end: one write for each socket, whatever the
 * number of its frames, and one buffer for all sockets with the same frames. With one event in a turn this costs nothing;
 * with many events in a turn it saves most of the system calls.
 */
export class WriteCoalescer {
  /** The most bytes gathered for one socket: so few that they alone never make its client a slow reader. */
  readonly gatheredBytes: number;
  #empty = Batch.empty();
  #connections: Flushable[] = [];

  constructor(
    /** The most bytes that may wait for one client to read them; 0 allows any number. */
    readonly bufferedBytes: number,
  ) {
    this.gatheredBytes = bufferedBytes === 0 ? GATHERED_BYTES : Math.min(GATHERED_BYTES, bufferedBytes / 2);
  }

  /** The empty batch that every connection's queue starts with in this turn. */
  get empty(): Batch {
    return this.#empty;
  }

  /** Flushes a connection at the end of this turn. */
  add(connection: Flushable): void {
    // A microtask would be too early: it would miss the frames of the turn's other sockets, timers and promises.
    if (this.#connections.push(connection) === 1) setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    const connections = this.#connections;
    this.#connections = [];
    for (const connection of connections) connection.flush();
    // A new empty batch releases this turn's frames.
    this.#empty = Batch.empty();
  };
}
