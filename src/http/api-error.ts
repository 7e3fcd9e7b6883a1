import type { OutgoingHttpHeaders } from 'node:http';

/** A refusal of a request, which knows its wire form: a status, one line of text, and headers. */
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
