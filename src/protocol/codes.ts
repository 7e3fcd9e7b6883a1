/** The error and close codes that this project sends, with their effect on clients. Protocol section 3.11. */
export const CODES = Object.freeze({
  /** No application with this key. Clients stop. */
  APP_NOT_FOUND: 4001,
  /** The URL's path is not `/app/<key>`. Clients stop. */
  PATH_NOT_FOUND: 4005,
  /** The client's version is not a version. Clients stop. */
  INVALID_VERSION: 4006,
  /** The protocol is not one of 5, 6, 7. Clients stop. */
  UNSUPPORTED_PROTOCOL: 4007,
  /** No protocol was named. Clients stop. */
  NO_PROTOCOL: 4008,
  /** Not authorized. As a close code: clients stop; as an error: the connection goes on. */
  UNAUTHORIZED: 4009,
  /** The server is closing, and another one takes its clients. They come back at once. */
  RECONNECT: 4200,
  /** No answer to a ping. Clients come back at once. */
  PONG_TIMEOUT: 4201,
  /**
   * A limit of the node is reached, or the node is closing and no other one takes its clients. As a close code, clients come
   * back after a second.
   */
  OVER_CAPACITY: 4100,
  /** Too many messages in a second. Only ever an error: as a close code it would stop clients. */
  RATE_EXCEEDED: 4301,
  /** A watchlist was too long and was cut. Only ever an error. */
  WATCHLIST_TOO_LONG: 4302,
  /** No handler took a message, or its handler failed. Only ever an error; one of this project's own. */
  MESSAGE_REFUSED: 4303,
});

/** The reason of a 4100 while the only node is closing. */
export const RESTARTING = 'The server is restarting';

/** A client's mistake that is answered with `pusher:error`, in its wire form: a code and a message. */
export class ProtocolError extends Error {
  constructor(
    /** One of {@link CODES}, or `null` where the protocol has none. */
    readonly code: number | null,
    message: string,
  ) {
    super(message);
    this.name = 'ProtocolError';
  }
}
