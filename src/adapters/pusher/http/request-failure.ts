import * as v from 'valibot';

/** The most of a foreign text that goes into a message, in characters. */
const REASON_LENGTH = 200;

/** What becomes of text that may hold a secret. */
const HIDDEN = '[hidden]';

/** What is known about a failed request besides its message. */
interface FailureDetails {
  readonly retryable: boolean;
  readonly status?: number | undefined;
  readonly code?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/**
 * Why one request to the Pusher HTTP API failed. The SDK's own errors carry the signed URL, in a property and in the
 * message of their cause; this one is made anew from what is safe to show, so it can be logged and be a `cause`.
 */
export class RequestFailure extends Error {
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** The HTTP status, where the server answered. */
  readonly status: number | undefined;
  /** The system's code (`ECONNREFUSED`, `ETIMEDOUT`, …), where it did not. */
  readonly code: string | undefined;
  /** For how many milliseconds the server wants to be left alone, where it has said so. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, details: FailureDetails) {
    super(message);
    this.name = 'RequestFailure';
    this.retryable = details.retryable;
    this.status = details.status;
    this.code = details.code;
    this.retryAfterMs = details.retryAfterMs;
  }

  /** No answer in time. */
  static timeout(milliseconds: number): RequestFailure {
    return new RequestFailure(`no answer within ${milliseconds} ms`, { retryable: true, code: 'ETIMEDOUT' });
  }
}

/** Whether the same request may succeed later. */
export function canRetry(failure: unknown): boolean {
  return failure instanceof RequestFailure && failure.retryable;
}

/** What is not sent, so that it does not overtake a call before it to the same channel, which will be made again. */
export const HELD_BACK = new RequestFailure('a call before it to the same channel failed', {
  retryable: true,
});

/** The SDK's `RequestError` for a status of 400 and above. */
const refusal = v.object({ name: v.literal('PusherRequestError'), status: v.number(), body: v.string() });

/** `node-fetch`'s errors: `type` is `aborted` for the SDK's timeout and `system` for connections that failed. */
const fetchFailure = v.object({
  message: v.string(),
  type: v.optional(v.string()),
  code: v.optional(v.string()),
});

/** The SDK's `RequestError` where there was no answer. */
const unanswered = v.pipe(
  v.object({ name: v.literal('PusherRequestError'), error: fetchFailure }),
  v.transform(({ error }) => error),
);

/** Makes a failure of whatever the SDK threw. */
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

  // An answer that breaks off is thrown without the SDK's wrapping.
  const parsed = v.safeParse(v.union([unanswered, fetchFailure]), error);
  const failed = parsed.success ? parsed.output : undefined;
  if (failed?.type === 'aborted') return RequestFailure.timeout(context.timeoutMs);
  const reason = readable(failed?.message.replace(/^.*, reason: /s, '') ?? '', context.secret);
  return new RequestFailure(reason || failed?.code || 'the request failed without a reason', {
    retryable: failed?.type === 'system',
    code: failed?.code,
  });
}

/** One short line of a foreign text, without secrets: hosted Pusher's 401 quotes the signed query and the signature. */
function readable(text: string, secret: string): string {
  const line = text
    .replaceAll(secret, HIDDEN)
    .replace(/auth_[a-z]+=[^\s"']*/gi, HIDDEN)
    .replace(/[0-9a-f]{64}/gi, HIDDEN)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return line.length <= REASON_LENGTH ? line : `${line.slice(0, REASON_LENGTH - 1)}…`;
}
