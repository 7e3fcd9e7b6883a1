import type { OutgoingHttpHeaders } from 'node:http';

/** The refusal of an HTTP request, in its wire form: a status, one line of text, and headers. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly headers: OutgoingHttpHeaders = {},
  ) {
    super(message);
    this.name = 'ApiError';
  }

  /** For a request whose body is not read to its end: the connection cannot be used for a next request. */
  static endingConnection(status: number, message: string): ApiError {
    return new ApiError(status, message, { Connection: 'close' });
  }
}

/** The refusal of a request that the client has to correct. */
export function badRequest(message: string): ApiError {
  return new ApiError(400, message);
}
