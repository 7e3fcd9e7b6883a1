/** The stable codes of {@link SocketError}; they never change meaning and are safe to branch on. */
export type SocketErrorCode =
  | 'INVALID_MEMBER_ID'
  | 'INVALID_CHANNEL_NAME'
  | 'INVALID_EVENT_NAME'
  | 'INVALID_SOCKET_ID'
  | 'INVALID_DELAY'
  | 'PAYLOAD_NOT_JSON'
  | 'PAYLOAD_TOO_LARGE'
  | 'PROVIDER_UNAVAILABLE'
  | 'PROVIDER_REJECTED'
  | 'INVALID_CONFIGURATION'
  | 'MISSING_PACKAGE';

/** What every error of this package is. `code` is stable, `retryable` says whether the same call can succeed later. */
export abstract class SocketError extends Error {
  abstract readonly code: SocketErrorCode;
  abstract readonly retryable: boolean;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The caller's mistake: a bad name, id or payload. Thrown before anything is sent; a retry never helps. */
export class SocketUsageError extends SocketError {
  readonly retryable = false;

  constructor(
    readonly code: Extract<SocketErrorCode, `INVALID_${string}` | `PAYLOAD_${string}`>,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What a delivery error tells besides its message. */
export interface DeliveryFailure {
  /** Which provider failed: `ws`, `pusher`, `memory`. */
  readonly provider: string;
  /** Exactly who or what was missed: member ids or channel names. */
  readonly lost: readonly string[];
  /** What went wrong underneath, with secrets removed. */
  readonly cause?: unknown;
  /** Those of `lost` whom a retry can reach; all of them, or nobody, unless it says otherwise. */
  readonly retryableLost?: readonly string[];
  /** For how many milliseconds the provider wants to be left alone. */
  readonly retryAfterMs?: number | undefined;
}

/** The provider did not take a message. See the two subclasses for what a retry would do. */
export abstract class SocketDeliveryError extends SocketError {
  readonly provider: string;
  readonly lost: readonly string[];
  /** For how many milliseconds the provider wants to be left alone, where it has said so. */
  readonly retryAfterMs?: number;
  readonly #retryableLost: readonly string[] | undefined;

  constructor(message: string, failure: DeliveryFailure) {
    super(message, { cause: failure.cause });
    this.provider = failure.provider;
    this.lost = failure.lost;
    if (failure.retryAfterMs !== undefined) this.retryAfterMs = failure.retryAfterMs;
    this.#retryableLost = failure.retryableLost;
  }

  /**
   * Those of `lost` whom the same call can reach later. All of them where it is `retryable`; otherwise nobody, or those who
   * were missed for another reason than the refusal of others.
   */
  get retryableLost(): readonly string[] {
    return this.#retryableLost ?? (this.retryable ? this.lost : []);
  }
}

/** Whether a retry of the call can reach somebody whom it missed. */
export function canBeTriedAgain(error: unknown): error is SocketDeliveryError {
  return error instanceof SocketDeliveryError && error.retryableLost.length > 0;
}

/** What was thrown, in words: an error's own, whatever else as text. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The provider could not be reached, timed out or is overloaded: the same call may succeed later. */
export class SocketUnavailableError extends SocketDeliveryError {
  readonly code = 'PROVIDER_UNAVAILABLE';
  readonly retryable = true;
}

/** The provider understood and refused (credentials, quota, size): the same call fails again. */
export class SocketRejectedError extends SocketDeliveryError {
  readonly code = 'PROVIDER_REJECTED';
  readonly retryable = false;
}

/** The configuration cannot work. `problems` has one line for each thing to mend, never a secret's value. */
export class SocketConfigurationError extends SocketError {
  readonly code = 'INVALID_CONFIGURATION';
  readonly retryable = false;

  constructor(readonly problems: readonly string[]) {
    super(
      `The configuration has ${problems.length} problem(s):\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
  }
}

/** The chosen provider, the cluster `redis` or an option needs an npm package that is not installed. The message has the command that installs it. */
export class MissingPackageError extends SocketError {
  readonly code = 'MISSING_PACKAGE';
  readonly retryable = false;

  constructor(
    readonly provider: string,
    readonly packages: readonly string[],
    options?: ErrorOptions,
    kind: 'provider' | 'cluster' | 'delivery' | 'option' = 'provider',
  ) {
    super(
      `The ${kind} "${provider}" needs ${packages.map((name) => `"${name}"`).join(', ')}, which cannot be loaded. ` +
        `Install with: npm install ${packages.join(' ')}`,
      options,
    );
  }
}
