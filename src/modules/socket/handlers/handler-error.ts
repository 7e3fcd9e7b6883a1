import { HttpException } from '@nestjs/common';
import type { MessageError } from '../../../ports/client-messages.js';

const SERVER_ERROR = 500;

/**
 * The error that the sender gets for what a handler, or a part around it, threw: the words of a `WsException`, and those of an
 * exception of Nest's that blames the caller, as guards and pipes throw. `undefined` for anything else, whose words may be about the
 * inside of the application.
 */
export function refusalOf(exception: unknown): MessageError | undefined {
  if (isWsException(exception)) return refusal(exception.message, exception.getError());
  if (exception instanceof HttpException && exception.getStatus() < SERVER_ERROR)
    return refusal(exception.message, exception.getResponse());
  return undefined;
}

/** The error that a filter emits as `exception`, as filters of gateways do. */
export function emittedError(payload: unknown): MessageError {
  const { message } = Object(payload) as { readonly message?: unknown };
  return refusal(typeof message === 'string' ? message : 'The message was refused', payload);
}

function refusal(message: string, details: unknown): MessageError {
  // A text is the message itself.
  return { code: 'REFUSED', message, ...(typeof details === 'object' && { details }) };
}

/**
 * A `WsException` of the application's own `@nestjs/websockets`. That package is not imported for it: it would be loaded, and looked
 * for by every bundler, also in applications without handlers.
 */
function isWsException(exception: unknown): exception is Error & { getError(): unknown } {
  if (!(exception instanceof Error) || !('getError' in exception)) return false;
  return typeof exception.getError === 'function';
}
