import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { Batch } from '../../channels/batch.js';
import type { Connection } from '../../channels/connection.js';
import type { WriteCoalescer } from '../../channels/write-coalescer.js';
import type { Clock } from '../../ports/clock.js';
import { CODES, ProtocolError } from '../../protocol/codes.js';
import { errorFrame, type Frame } from '../../protocol/frame.js';

/** The time that a client has to answer a close frame before its socket is destroyed. */
const CLOSE_WAIT_MS = 1_000;

/**
 * A WebSocket, as the engine sees it.
 *
 * Frames are written to the stream beneath `ws`, because `ws` would encode each frame again for every socket. That is
 * possible because messages are never compressed or fragmented here. Reading, opening and closing is left to `ws`: nothing
 * is written before its handshake, and nothing after its close frame.
 */
export class WsConnection implements Connection {
  readonly #socket: WebSocket;
  /** The stream that `ws` writes to. */
  readonly #stream: Duplex;
  readonly #coalescer: WriteCoalescer;
  readonly #clock: Clock;
  /** The frames that were sent in this turn of the event loop and are not written yet. */
  #queue: Batch | undefined;
  /** Whether it gets `pusher:error` with the code before its close: clients of protocol 5 do not see close codes. */
  readonly #isToldItsClose: boolean;
  #isSealed = false;
  #isSlowReader = false;

  constructor(
    socket: WebSocket,
    stream: Duplex,
    readonly id: string,
    coalescer: WriteCoalescer,
    clock: Clock,
    isToldItsClose = false,
  ) {
    this.#socket = socket;
    this.#stream = stream;
    this.#coalescer = coalescer;
    this.#clock = clock;
    this.#isToldItsClose = isToldItsClose;
  }

  /** Whether it was closed because its client reads too slowly. */
  get isSlowReader(): boolean {
    return this.#isSlowReader;
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

  /** Writes the frames that were sent so far, without waiting for the end of the turn. */
  flush(): void {
    const queue = this.#queue;
    this.#queue = undefined;
    if (queue !== undefined) this.#write(queue);
  }

  /** Writes the frames that were sent so far, and drops later ones: a close frame must be the last. */
  seal(): void {
    this.flush();
    this.#isSealed = true;
  }

  pause(isPaused: boolean): void {
    // A closing socket is read on: the client's close frame must arrive.
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  close(code: number, reason: string): void {
    if (this.#isToldItsClose) this.send(errorFrame(new ProtocolError(code, reason)));
    // A paused socket would never read the client's close frame.
    this.#socket.resume();
    closeSocket(this.#socket, this.#clock, code, reason);
  }

  /** @returns whether more can be written after it */
  #write(queue: Batch): boolean {
    // After an end without a close frame, `ws` still reads the rest, but nothing can be written.
    if (!this.#stream.writable) return false;
    const { bufferedBytes } = this.#coalescer;
    if (bufferedBytes !== 0 && this.#stream.writableLength + queue.length > bufferedBytes) {
      // Memory stays bounded, and other clients are not delayed. After 4100 the client reconnects after a second.
      this.#queue = undefined;
      this.#isSealed = true;
      this.#isSlowReader = true;
      this.close(CODES.OVER_CAPACITY, 'The client reads too slowly');
      return false;
    }
    this.#stream.write(queue.bytes);
    return true;
  }
}

/** Sends a close frame, and destroys the socket when the client does not answer in time. */
export function closeSocket(socket: WebSocket, clock: Clock, code: number, reason: string): void {
  socket.close(code, reason);
  const timer = clock.after(CLOSE_WAIT_MS, () => {
    socket.terminate();
  });
  socket.once('close', () => {
    timer.cancel();
  });
}
