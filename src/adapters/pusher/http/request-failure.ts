import * as v from 'valibot';

/** The most characters of a server's text in a message. */
const REASON_LENGTH = 200;

/** Replaces text that may contain a secret. */
const HIDDEN = '[hidden]';

/** The details of a failed request, besides its message. */
interface FailureDetails {
  readonly retryable: boolean;
  readonly status?: number | undefined;
  readonly code?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/**
 * The failure of one request to the Pusher HTTP API. The SDK's own errors contain the signed URL, in a property and in the
 * message of their cause. This error is built from the safe parts only, so it can be logged, and can be a `cause`.
 */
export class RequestFailure extends Error {
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** The HTTP status; `undefined` when the server did not answer. */
  readonly status: number | undefined;
  /** The system's code (`ECONNREFUSED`, `ETIMEDOUT`, …); `undefined` when the server answered. */
  readonly code: string | undefined;
  /** The pause that the server asked for with `Retry-After`, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, details: FailureDetails) {
    super(message);
    this.name = 'RequestFailure';
    this.retryable = details.retryable;
    this.status = details.status;
    this.code = details.code;
    this.retryAfterMs = details.retryAfterMs;
  }

  /** The failure of a request that was not answered in time. */
  static timeout(milliseconds: number): RequestFailure {
    return new RequestFailure(`no answer within ${milliseconds} ms`, { retryable: true, code: 'ETIMEDOUT' });
  }
}

/** Whether the same request may succeed later. */
export function canRetry(failure: unknown): boolean {
  return failure instanceof RequestFailure && failure.retryable;
}

/** The failure of a post that is not sent, so that it does not overtake the retry of an earlier one to the same channel. */
export const BEHIND_FAILURE = new RequestFailure('an earlier relay to the same channel failed', {
  retryable: true,
});

/** The SDK's `RequestError` for a status of 400 or above. */
const refusal = v.object({ name: v.literal('PusherRequestError'), status: v.number(), body: v.string() });

/** `node-fetch`'s errors: `type` is `aborted` for the SDK's timeout and `system` for connections that failed. */
const fetchFailure = v.object({
  message: v.string(),
  type: v.optional(v.string()),
  code: v.optional(v.string()),
});

/** The SDK's `RequestError` without an answer. */
const unanswered = v.pipe(
  v.object({ name: v.literal('PusherRequestError'), error: fetchFailure }),
  v.transform(({ error }) => error),
);

/** Converts an error of the SDK to a failure. */
export function toRequestFailure(
  error: unknown,
  context: {
    readonly secret: string;
    readonly timeoutMs: number;
    readonly retryAfterMs?: number | undefined;
  },
): RequestFailure {
  if (error instanceof RequestFailure) return error;

  const refused = v.safeParse(refusal, error);
  if (refused.success) {
    const { status, body } = refused.output;
    const reason = readable(body, context.secret);
    return new RequestFailure(reason === '' ? `HTTP ${status}` : `HTTP ${status}: ${reason}`, {
      retryable: status === 408 || status === 429 || status >= 500,
      status,
      retryAfterMs: status === 429 || status === 503 ? context.retryAfterMs : undefined,
    });
  }

  // An answer that breaks off is thrown by `node-fetch` itself, without the SDK's wrapping.
  const parsed = v.safeParse(v.union([unanswered, fetchFailure]), error);
  const failed = parsed.success ? parsed.output : undefined;
  if (failed?.type === 'aborted') return RequestFailure.timeout(context.timeoutMs);
  const reason = readable(failed?.message.replace(/^.*, reason: /s, '') ?? '', context.secret);
  return new RequestFailure(reason || failed?.code || 'the request failed without a reason', {
    retryable: failed?.type === 'system',
    code: failed?.code,
  });
}

/** One short line of the server's text, without secrets: hosted Pusher's 401 quotes the signed query and the signature. */
function readable(text: string, secret: string): string {
  const line = text
    .replaceAll(secret, HIDDEN)
    .replace(/auth_[a-z]+=[^\s"']*/gi, HIDDEN)
    .replace(/[0-9a-f]{64}/gi, HIDDEN)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return line.length <= REASON_LENGTH ? line : `${line.slice(0, REASON_LENGTH - 1)}…`;
}
