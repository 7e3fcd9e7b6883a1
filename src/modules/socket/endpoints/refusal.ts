import { HttpException } from '@nestjs/common';
import { ApiError } from '../../../http/api-error.js';
import { Refusal } from '../../../ports/refusal.js';

/** An endpoint's answer in its wire form. */
export interface EndpointAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

/** The seconds after which a caller may ask again what cannot be answered now. */
const RETRY_AFTER_S = '1';

/** An answer that no cache keeps: it is made for one caller. */
export function answerWith(status: number, body: object, headers: object = {}): EndpointAnswer {
  return {
    status,
    headers: { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store', ...headers },
    body,
  };
}

/**
 * The answer to a request that is refused, be it by an endpoint or by an HTTP exception that the application's `identify` or
 * authorizer throws; `undefined` for any other error.
 */
export function refusalAnswer(error: unknown): EndpointAnswer | undefined {
  if (error instanceof Refusal) {
    const { status, code, message } = error;
    const headers = status === 503 ? { 'Retry-After': RETRY_AFTER_S } : {};
    return answerWith(status, { statusCode: status, code, message }, headers);
  }
  if (error instanceof ApiError) {
    const { status, message, headers } = error;
    return answerWith(status, { statusCode: status, code: 'UNREADABLE_BODY', message }, headers);
  }
  if (error instanceof HttpException) {
    const [status, response] = [error.getStatus(), error.getResponse()];
    return answerWith(
      status,
      typeof response === 'string' ? { statusCode: status, message: response } : response,
    );
  }
  return undefined;
}
