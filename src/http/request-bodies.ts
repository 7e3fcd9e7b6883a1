import type { IncomingMessage } from 'node:http';
import type { Clock, Timer } from '../ports/clock.js';
import { ApiError } from './api-error.js';

/** The time that a body may take to arrive: at 64 kB/s the largest one that is allowed arrives in time. */
export const BODY_TIMEOUT_MS = 10_000;

/** A body that is not complete yet. */
interface PendingBody {
  /** The time by which it must be complete, in milliseconds of `Clock.now()`. */
  readonly deadline: number;
  readonly fail: (error: ApiError) => void;
}

/** Reads the bodies of requests, with a limit on their size and on their time. */
export class RequestBodies {
  readonly #clock: Clock;
  /** In the order of their start, which is the order of their deadlines. */
  readonly #pending = new Set<PendingBody>();
  #sweep: Timer | undefined;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Reads a body to its end.
   *
   * @throws ApiError 413 for more than `maximum` bytes, 408 when it takes too long, 503 after {@link close}. Then the rest of
   * the body is not read
   */
  read(request: IncomingMessage, maximum: number): Promise<Buffer> {
    if (this.#isClosed) return Promise.reject(goingAway());
    const tooLarge = () =>
      ApiError.endingConnection(413, `The request's body is too large: ${maximum} bytes are allowed`);
    if (Number(request.headers['content-length'] ?? 0) > maximum) return Promise.reject(tooLarge());

    return new Promise((resolve, reject) => {
      let chunks: Buffer[] = [];
      let bytes = 0;
      const pending: PendingBody = {
        deadline: this.#clock.now() + BODY_TIMEOUT_MS,
        fail: (error) => {
          if (!this.#pending.delete(pending)) return;
          chunks = [];
          request.pause();
          reject(error);
        },
      };
      this.#pending.add(pending);
      this.#sweep ??= this.#clock.after(BODY_TIMEOUT_MS, this.#failLate);
      // The listeners stay attached, because removing them would cost more than reading the body. Late data is ignored.
      request
        .on('data', (chunk: Buffer) => {
          if (!this.#pending.has(pending)) return;
          bytes += chunk.length;
          if (bytes > maximum) pending.fail(tooLarge());
          else chunks.push(chunk);
        })
        .on('end', () => {
          if (!this.#pending.delete(pending)) return;
          resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
        })
        .on('close', () => {
          if (this.#pending.has(pending)) pending.fail(connectionLost());
        })
        // A broken connection emits `error` as well as `close`. Without a listener the error would be thrown.
        .on('error', () => undefined);
    });
  }

  /** Refuses every pending body, and every later one, with 503. */
  close(): void {
    this.#isClosed = true;
    this.#sweep?.cancel();
    for (const { fail } of this.#pending) fail(goingAway());
  }

  /** One timer for all bodies: most are complete at once, and a timer for each would be a tenth of a request's cost. */
  readonly #failLate = (): void => {
    this.#sweep = undefined;
    const now = this.#clock.now();
    for (const { deadline, fail } of this.#pending) {
      if (deadline > now) {
        this.#sweep = this.#clock.after(deadline - now, this.#failLate);
        return;
      }
      const seconds = BODY_TIMEOUT_MS / 1_000;
      fail(ApiError.endingConnection(408, `The request's body did not arrive within ${seconds} seconds`));
    }
  };
}

/**
 * Whether the unread rest of a refused body may have more than `maximum` bytes. Node reads that rest to reach the
 * connection's next request. For a large rest it is cheaper to close the connection.
 */
export function hasMuchToRead({ complete, headers }: IncomingMessage, maximum: number): boolean {
  if (complete) return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > maximum;
}

function connectionLost(): ApiError {
  return ApiError.endingConnection(400, 'The connection was lost before the end of the body');
}

function goingAway(): ApiError {
  return ApiError.endingConnection(503, 'The server is going away');
}
