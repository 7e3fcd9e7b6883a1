import type { IncomingMessage } from 'node:http';
import type { Clock, Timer } from '../ports/clock.js';
import { ApiError } from './api-error.js';

/** How long a body may take to arrive: the largest one that is allowed needs 64 kB/s. */
export const BODY_TIMEOUT_MS = 10_000;

/** A body that is not complete yet. */
interface Arriving {
  /** Until when it may take, in the clock's milliseconds. */
  readonly until: number;
  readonly fail: (error: ApiError) => void;
}

/** Reads the bodies of requests: never more than is allowed, never for ever. */
export class RequestBodies {
  readonly #clock: Clock;
  /** In the order they began, which is the order they run out of time. */
  readonly #arriving = new Set<Arriving>();
  #sweep: Timer | undefined;
  #givenUp = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Reads a body to its end.
   *
   * @throws ApiError 413 for more than `maximum` bytes, 408 when it takes too long, 503 when it is given up; nothing is
   * read on then
   */
  read(request: IncomingMessage, maximum: number): Promise<Buffer> {
    if (this.#givenUp) return Promise.reject(goingAway());
    const tooLarge = () =>
      ApiError.endingConnection(413, `The request's body is too large: ${maximum} bytes are allowed`);
    if (Number(request.headers['content-length'] ?? 0) > maximum) return Promise.reject(tooLarge());

    return new Promise((resolve, reject) => {
      let chunks: Buffer[] = [];
      let bytes = 0;
      const arriving: Arriving = {
        until: this.#clock.now() + BODY_TIMEOUT_MS,
        fail: (error) => {
          if (!this.#arriving.delete(arriving)) return;
          chunks = [];
          request.pause();
          reject(error);
        },
      };
      this.#arriving.add(arriving);
      this.#sweep ??= this.#clock.after(BODY_TIMEOUT_MS, this.#endLate);
      // The listeners stay, because taking them off would cost more than the whole body; what comes late is nobody's.
      request
        .on('data', (chunk: Buffer) => {
          if (!this.#arriving.has(arriving)) return;
          bytes += chunk.length;
          if (bytes > maximum) arriving.fail(tooLarge());
          else chunks.push(chunk);
        })
        .on('end', () => {
          if (!this.#arriving.delete(arriving)) return;
          resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
        })
        .on('close', () => {
          if (this.#arriving.has(arriving)) arriving.fail(connectionLost());
        })
        // A connection that breaks says so twice: the error is the one that would otherwise be thrown.
        .on('error', () => undefined);
    });
  }

  /** Gives up every body that is still arriving, and every later one. */
  giveUp(): void {
    this.#givenUp = true;
    this.#sweep?.cancel();
    for (const { fail } of this.#arriving) fail(goingAway());
  }

  /** One timer for all of them: most bodies are complete at once, and a timer of its own would be a tenth of a request. */
  readonly #endLate = (): void => {
    this.#sweep = undefined;
    const now = this.#clock.now();
    for (const { until, fail } of this.#arriving) {
      if (until > now) {
        this.#sweep = this.#clock.after(until - now, this.#endLate);
        return;
      }
      const seconds = BODY_TIMEOUT_MS / 1_000;
      fail(ApiError.endingConnection(408, `The request's body did not arrive within ${seconds} seconds`));
    }
  };
}

/**
 * Whether the rest of a refused body is more than this. Node reads it away, to get to the connection's next request, and
 * that is only worth it for little: otherwise the connection is better closed.
 */
export function hasMuchToRead({ complete, headers }: IncomingMessage, little: number): boolean {
  if (complete) return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > little;
}

function connectionLost(): ApiError {
  return ApiError.endingConnection(400, 'The connection was lost before the end of the body');
}

function goingAway(): ApiError {
  return ApiError.endingConnection(503, 'The server is going away');
}
