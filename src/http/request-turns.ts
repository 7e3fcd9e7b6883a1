import type { Socket } from 'node:net';
// Not the global one: the application's tests may replace it by one that they run by hand.
import { setImmediate } from 'node:timers';
import { ApiError } from './api-error.js';

/** The requests of one socket that wait for a later turn. */
interface Waiting {
  readonly go: (() => void)[];
  /** Whether one request too many has come, whose answer closes the socket. */
  isOver: boolean;
}

/**
 * Shares the event loop between clients that pipeline requests. Node parses every request of a chunk in one turn, and a chunk
 * may have a thousand; here a socket has one request under way, and the next one begins a turn after its answer. A client that
 * waits for its answers never waits here, and costs nothing.
 */
export class RequestTurns {
  readonly #maximum: number;
  /** The sockets that have a request under way. Most have no other one that waits. */
  readonly #sockets = new Map<Socket, Waiting | undefined>();

  /** @param maximum how many requests of one socket may wait; 0 allows any number */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /**
   * Takes a turn for a request, which ends with {@link done}.
   *
   * @returns a promise of the turn; `undefined` when it is now. The promises of those that follow a refused request are never
   * settled
   * @throws ApiError 503 when too many requests of the socket wait already. Nothing more is read from it, and the answer closes
   * it
   */
  take(socket: Socket): Promise<void> | undefined {
    if (!this.#sockets.has(socket)) {
      this.#sockets.set(socket, undefined);
      return undefined;
    }
    const waiting = this.#sockets.get(socket) ?? { go: [], isOver: false };
    this.#sockets.set(socket, waiting);
    if (this.#maximum !== 0 && waiting.go.length >= this.#maximum && !waiting.isOver) {
      waiting.isOver = true;
      socket.pause();
      throw ApiError.endingConnection(503, `More than ${this.#maximum} requests wait on this connection`);
    }
    return new Promise((resolve) => {
      if (!waiting.isOver) waiting.go.push(resolve);
    });
  }

  /** The request under way has its answer. */
  done(socket: Socket): void {
    const next = this.#sockets.get(socket)?.go.shift();
    if (next === undefined) this.#sockets.delete(socket);
    else setImmediate(next);
  }
}
