import type { MessageErrorCode } from '../ports/client-messages.js';

/**
 * The codes of {@link MessageError}: those of the backend, and those of the helper. `NOT_CONNECTED`: there is no connection, or it was
 * lost before the answer. `NO_ANSWER`: none came in time. `UNSUPPORTED_PROVIDER`: the provider does not carry this. `INVALID_OPTION`: an
 * argument is no value of its kind.
 */
export type SendErrorCode =
  MessageErrorCode | 'NOT_CONNECTED' | 'NO_ANSWER' | 'UNSUPPORTED_PROVIDER' | 'INVALID_OPTION';

/** A message was not sent, not handled, or not answered. The message says why. */
export class MessageError extends Error {
  // `declare`, because fields of a class are newer than the oldest of the browsers.
  declare readonly code: SendErrorCode;
  /** More about it, where the backend said more: the problems of a payload, for example. */
  declare readonly details?: unknown;

  constructor(code: SendErrorCode, message: string, details?: unknown) {
    super(message);
    this.name = 'MessageError';
    this.code = code;
    if (details !== undefined) this.details = details;
  }
}
