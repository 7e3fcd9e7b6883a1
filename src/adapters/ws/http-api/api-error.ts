import type { OutgoingHttpHeaders } from 'node:http';

/**
 * A refusal that knows its wire form: a status and, as hosted Pusher does it, one line of plain text. Protocol
 * section 3.13.
 */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly headers: OutgoingHttpHeaders = {},
  ) {
    super(message);
    this.name = 'ApiError';
  }

  /** For requests whose body is not read to its end: there is no way to a next request on the same connection. */
  static endingConnection(status: number, message: string): ApiError {
    return new ApiError(status, message, { Connection: 'close' });
  }
}

/** The refusal of what a client can put right. */
export function badRequest(message: string): ApiError {
  return new ApiError(400, message);
}
