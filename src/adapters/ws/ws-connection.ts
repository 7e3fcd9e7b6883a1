import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { Connection } from '../../channels/connection.js';
import { CODES } from '../../protocol/codes.js';
import type { Frame } from '../../protocol/frame.js';
import type { Batch } from './batch.js';
import type { WriteCoalescer } from './write-coalescer.js';

/** How long a client may take to answer a close before its socket is ended. */
const CLOSE_WAIT_MS = 1_000;

/**
 * A WebSocket, as the engine sees it.
 *
 * Frames are written to the stream beneath `ws`, which would encode each of them once more for every socket. That is right
 * as long as messages are neither compressed nor fragmented, and they never are here. `ws` reads, and it opens and closes:
 * nothing is written before its handshake, and nothing after its close frame.
 */
export class WsConnection implements Connection {
  readonly #socket: WebSocket;
  /** What `ws` writes to. */
  readonly #stream: Duplex;
  readonly #coalescer: WriteCoalescer;
  /** What was sent in this turn and is not written yet. */
  #queue: Batch | undefined;
  #isSealed = false;
  #isSlow = false;

  constructor(
    socket: WebSocket,
    stream: Duplex,
    readonly id: string,
    coalescer: WriteCoalescer,
  ) {
    this.#socket = socket;
    this.#stream = stream;
    this.#coalescer = coalescer;
  }

  /** Whether it was closed because its client reads too slowly. */
  get isSlow(): boolean {
    return this.#isSlow;
  }

  send(frame: Frame): void {
    if (this.#isSealed) return;
    const coalescer = this.#coalescer;
    let queue = this.#queue;
    if (queue === undefined) {
      coalescer.add(this);
      queue = coalescer.empty;
    } else if (queue.length + frame.wire.length > coalescer.gatheredBytes) {
      if (!this.#write(queue)) return;
      queue = coalescer.empty;
    }
    this.#queue = queue.with(frame);
  }

  /** Writes what was sent until now, without waiting for the end of the turn. */
  flush(): void {
    const queue = this.#queue;
    this.#queue = undefined;
    if (queue !== undefined) this.#write(queue);
  }

  /** Writes what was sent until now, and nothing any more: a close frame is the last one. */
  seal(): void {
    this.flush();
    this.#isSealed = true;
  }

  pause(isPaused: boolean): void {
    // A close has to be read.
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  close(code: number, reason: string): void {
    // What it still says is not answered, but its close has to be read.
    this.#socket.resume();
    closeSocket(this.#socket, code, reason);
  }

  /** @returns whether there may be more */
  #write(queue: Batch): boolean {
    // A client that has ended without a word is read to its end by `ws`, and written to no more.
    if (!this.#stream.writable) return false;
    const { bufferedBytes } = this.#coalescer;
    if (bufferedBytes !== 0 && this.#stream.writableLength + queue.length > bufferedBytes) {
      // Nobody else waits for it, and memory stays bounded. The client comes back after a second.
      this.#queue = undefined;
      this.#isSealed = true;
      this.#isSlow = true;
      this.close(CODES.OVER_CAPACITY, 'The client reads too slowly');
      this.#coalescer.slowReaders++;
      return false;
    }
    this.#stream.write(queue.bytes);
    return true;
  }
}

/** Closes politely, and ends the socket when the client does not answer. */
export function closeSocket(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, reason);
  const timer = setTimeout(() => {
    socket.terminate();
  }, CLOSE_WAIT_MS);
  socket.once('close', () => {
    clearTimeout(timer);
  });
}
