import type { UnsupportedPackage } from './package-versions.js';

/** The codes of {@link SocketError}. They never change their meaning, so code can branch on them. */
export type SocketErrorCode =
  | 'INVALID_MEMBER_ID'
  | 'INVALID_CHANNEL_NAME'
  | 'INVALID_EVENT_NAME'
  | 'INVALID_SOCKET_ID'
  | 'INVALID_DELAY'
  | 'INVALID_ARGUMENT'
  | 'PAYLOAD_NOT_JSON'
  | 'PAYLOAD_TOO_LARGE'
  | 'PROVIDER_UNAVAILABLE'
  | 'PROVIDER_REJECTED'
  | 'NO_ANSWER'
  | 'INVALID_CONFIGURATION'
  | 'MISSING_PACKAGE';

/** The base of every error of this package. */
export abstract class SocketError extends Error {
  abstract readonly code: SocketErrorCode;
  /** Whether the same call can succeed later. */
  abstract readonly retryable: boolean;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A mistake of the caller: a bad name, id, payload or option. Thrown before anything is sent; a retry never helps. */
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

/** The facts of a delivery error, besides its message. */
export interface DeliveryFailure {
  /** The name of the provider that failed: `ws`, `pusher`, `memory` or one of the application's own. */
  readonly provider: string;
  /** Exactly the recipients who were missed: member ids or channel names. */
  readonly lost: readonly string[];
  /** The error underneath, without secrets. */
  readonly cause?: unknown;
  /** Those of `lost` that a retry can reach. @default all of them where the error is `retryable`, otherwise none */
  readonly retryableLost?: readonly string[];
  /** Those of `lost` whom the relay may reach all the same. @default none */
  readonly uncertainLost?: readonly string[];
  /** Milliseconds to wait before a retry, where the provider asked for that. */
  readonly retryAfterMs?: number | undefined;
}

/** The provider did not accept a message. The two subclasses tell whether a retry can help. */
export abstract class SocketDeliveryError extends SocketError {
  /** The name of the provider that failed. */
  readonly provider: string;
  /** Milliseconds to wait before a retry; absent unless the provider asked for that. */
  readonly retryAfterMs?: number;
  readonly #lost: readonly string[];
  readonly #uncertainLost: readonly string[];
  readonly #retryableLost: readonly string[] | undefined;

  constructor(message: string, failure: DeliveryFailure) {
    super(message, { cause: failure.cause });
    this.provider = failure.provider;
    this.#lost = failure.lost;
    this.#uncertainLost = failure.uncertainLost ?? [];
    if (failure.retryAfterMs !== undefined) this.retryAfterMs = failure.retryAfterMs;
    this.#retryableLost = failure.retryableLost;
  }

  /**
   * Exactly the recipients who were missed: member ids or channel names. The message names the first of them only, and a log
   * that shows the whole error does not list them either: there may be thousands.
   */
  get lost(): readonly string[] {
    return this.#lost;
  }

  /**
   * Those in `lost` whom the relay may reach all the same: [the queue](../../docs/queue.md#promises) was asked to keep it, and
   * Redis did not answer in time. Empty where it is known that the queue does not have the relay, and without a queue.
   */
  get uncertainLost(): readonly string[] {
    return this.#uncertainLost;
  }

  /**
   * The recipients in `lost` that the same call can reach later. If the error is `retryable`, that is all of them. If not, it is
   * none, or those who were missed for another reason than a refusal.
   */
  get retryableLost(): readonly string[] {
    return this.#retryableLost ?? (this.retryable ? this.#lost : []);
  }
}

/** Whether a retry of the call can reach at least one of the recipients who were missed. */
export function canBeTriedAgain(error: unknown): error is SocketDeliveryError {
  return error instanceof SocketDeliveryError && error.retryableLost.length > 0;
}

/** The message of a thrown value: an error's own message, or any other value as text. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The provider could not be reached, timed out or is overloaded. The same call may succeed later. */
export class SocketUnavailableError extends SocketDeliveryError {
  readonly code = 'PROVIDER_UNAVAILABLE';
  readonly retryable = true;
}

/** The provider refused the call: credentials, quota or size. The same call fails again. */
export class SocketRejectedError extends SocketDeliveryError {
  readonly code = 'PROVIDER_REJECTED';
  readonly retryable = false;
}

/** A member was asked, and no browser of the member answered. The message says why. */
export class SocketNoAnswerError extends SocketError {
  readonly code = 'NO_ANSWER';
  readonly retryable = true;

  constructor(
    /** The member who did not answer. */
    readonly memberId: string,
    /** Whether the member has a connection that could have answered. */
    readonly isConnected: boolean,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The configuration cannot work. `problems` has one line for each problem, and never a secret's value. */
export class SocketConfigurationError extends SocketError {
  readonly code = 'INVALID_CONFIGURATION';
  readonly retryable = false;

  constructor(readonly problems: readonly string[]) {
    super(
      `The configuration has ${problems.length} problem(s):\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
  }
}

/** The kinds of parts that may need an optional package. */
export type PackageUser = 'provider' | 'cluster' | 'delivery' | 'option';

/**
 * The chosen provider, the cluster `redis`, the delivery `queue` or an option needs an npm package that is not installed, or
 * not in a supported version. The message has the command that installs it.
 */
export class MissingPackageError extends SocketError {
  readonly code = 'MISSING_PACKAGE';
  readonly retryable = false;

  constructor(
    readonly provider: string,
    readonly packages: readonly string[],
    options?: ErrorOptions,
    kind: PackageUser = 'provider',
    unsupported?: UnsupportedPackage,
  ) {
    const needs = `The ${kind} "${provider}" needs`;
    super(
      unsupported
        ? `${needs} "${unsupported.name}" ${unsupported.supported}, and ${unsupported.installed} is installed. ` +
            `Install with: npm install "${unsupported.name}@${unsupported.supported}"`
        : `${needs} ${packages.map((name) => `"${name}"`).join(', ')}, which cannot be loaded. ` +
            `Install with: npm install ${packages.join(' ')}`,
      options,
    );
  }
}
