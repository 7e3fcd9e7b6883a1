/** The codes of {@link ConnectError}. They never change their meaning, so code can branch on them. */
export type ConnectErrorCode =
  /** An option, or what the application's `headers` returned, is no value of its kind. */
  | 'INVALID_OPTION'
  /** The application's own `headers` function failed, or did not return in time. */
  | 'HEADERS_FAILED'
  /** The backend cannot be reached, does not let this page's origin ask, or did not answer in time. */
  | 'BACKEND_UNREACHABLE'
  /** The backend, or a proxy before it, answered that it cannot answer now: 408, 425, 429 or 5xx. */
  | 'BACKEND_FAILED'
  /** `/socket/config` answered with another status. */
  | 'BACKEND_REFUSED'
  /** The answer is not one of `SocketModule`; often it is the page of a single-page application. */
  | 'INVALID_ANSWER'
  /** The backend uses a provider that `pusher-js` cannot connect to. */
  | 'UNSUPPORTED_PROVIDER'
  /** The backend or the gateway refused the signin. */
  | 'SIGNIN_REFUSED'
  /** The backend or the gateway refused a channel. */
  | 'SUBSCRIPTION_REFUSED'
  /** The connection is signed in already. */
  | 'ALREADY_SIGNED_IN'
  /** The gateway, or hosted Pusher, cannot be reached, or did not answer in time. */
  | 'GATEWAY_UNREACHABLE'
  /** The gateway, or hosted Pusher, refused the connection or ended it. */
  | 'GATEWAY_REFUSED';

/** The facts of a {@link ConnectError}, besides its code and message. */
export interface ConnectFailure {
  readonly retryable?: boolean;
  readonly url?: string;
  readonly status?: number | undefined;
  readonly reason?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** Connecting, signing in or subscribing failed. The message says where, why, and what to do. */
export class ConnectError extends Error {
  // `declare`, because fields of a class are newer than the oldest of the browsers.
  declare readonly code: ConnectErrorCode;
  /** Whether the same can succeed later. The helper has tried it again for `timeoutMs` then. */
  declare readonly retryable: boolean;
  /** The address that was tried; absent where the failure is about none. */
  declare readonly url?: string;
  /** The status of the backend's answer; absent where it did not answer. */
  declare readonly status?: number;
  /** The reason that the backend or the gateway gave; absent where it gave none. */
  declare readonly reason?: string;
  /** Milliseconds to wait before a retry; absent unless the backend asked for that. */
  declare readonly retryAfterMs?: number;

  constructor(code: ConnectErrorCode, message: string, failure: ConnectFailure = {}) {
    super(message);
    this.name = 'ConnectError';
    this.code = code;
    this.retryable = failure.retryable === true;
    if (failure.url !== undefined) this.url = failure.url;
    if (failure.status !== undefined) this.status = failure.status;
    if (failure.reason !== undefined) this.reason = failure.reason;
    if (failure.retryAfterMs !== undefined) this.retryAfterMs = failure.retryAfterMs;
    // Older browsers ignore the second argument of `Error`.
    if (failure.cause !== undefined)
      Object.defineProperty(this, 'cause', { value: failure.cause, configurable: true, writable: true });
  }
}
