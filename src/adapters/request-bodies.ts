import type { IncomingMessage } from 'node:http';
import type { Clock } from '../ports/clock.js';
import { ApiError } from './api-error.js';

/** How long a body may take to arrive: the largest one that is allowed needs 64 kB/s. */
export const BODY_TIMEOUT_MS = 10_000;

/** Reads the bodies of requests: never more than is allowed, never for ever. */
export class RequestBodies {
  readonly #pending = new Set<(error: ApiError) => void>();
  #givenUp = false;

  constructor(private readonly clock: Clock) {}

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
      const chunks: Buffer[] = [];
      let bytes = 0;
      const add = (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maximum) fail(tooLarge());
        else chunks.push(chunk);
      };
      const end = () => {
        release();
        resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
      };
      const lost = () => {
        fail(ApiError.endingConnection(400, 'The connection was lost before the end of the body'));
      };
      const fail = (error: ApiError) => {
        release();
        request.pause();
        reject(error);
      };
      const timer = this.clock.after(BODY_TIMEOUT_MS, () => {
        const seconds = BODY_TIMEOUT_MS / 1_000;
        fail(ApiError.endingConnection(408, `The request's body did not arrive within ${seconds} seconds`));
      });
      const release = () => {
        timer.cancel();
        this.#pending.delete(fail);
        request.off('data', add).off('end', end).off('close', lost);
      };
      this.#pending.add(fail);
      // A connection that breaks says so twice: the error is the one that would otherwise be thrown.
      request
        .on('data', add)
        .on('end', end)
        .on('close', lost)
        .on('error', () => undefined);
    });
  }

  /** Gives up every body that is still arriving, and every later one. */
  giveUp(): void {
    this.#givenUp = true;
    for (const fail of this.#pending) fail(goingAway());
  }
}

/**
 * Whether the rest of a refused body is more than this. Node reads it away, to get to the connection's next request, and
 * that is only worth it for little: otherwise the connection is better closed.
 */
export function hasMuchToRead({ complete, headers }: IncomingMessage, little: number): boolean {
  if (complete) return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > little;
}

function goingAway(): ApiError {
  return ApiError.endingConnection(503, 'The server is going away');
}
