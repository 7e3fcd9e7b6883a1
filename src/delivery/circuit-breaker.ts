import {
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  halfJitterGenerator,
  handleWhen,
  type IBreaker,
} from 'cockatiel';
import type { Clock } from '../ports/clock.js';
import { canBeTriedAgain } from '../ports/errors.js';

/** Whether relays are attempted: `closed` all of them, `open` none, `half-open` one, as a probe. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** Between two probes: half of the delay is random, so that many processes do not come back together. */
const PROBE_BACKOFF = { generator: halfJitterGenerator, initialDelay: 1_000, maxDelay: 10_000, exponent: 2 };

/**
 * The circuit breaker in front of a provider. It opens after so many failures in a row, and at once where the provider has
 * said for how long it wants to be left alone. The caller makes the probes, from {@link probeAt} on: the library's own timing
 * goes by the time of day, which may be set back.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #policy: CircuitBreakerPolicy | undefined;
  /** Causes that were counted. */
  readonly #counted = new WeakSet();
  #probes = 0;
  #probeAt = 0;
  #pauseMs = 0;

  /**
   * @param failures how many in a row open it; 0 never does
   * @param onOpen called when it opens after it was closed, not after a failed probe
   */
  constructor(clock: Clock, failures: number, onOpen: (failures: number) => void, onClose: () => void) {
    this.#clock = clock;
    if (failures === 0) return;
    const policy = circuitBreaker(
      handleWhen((error) => this.#isFailure(error)),
      // The caller decides when to probe, so any moment will do.
      { halfOpenAfter: -Infinity, breaker: this.#breaker(failures) },
    );
    policy.onBreak(() => {
      const [delayMs] = halfJitterGenerator(this.#probes, PROBE_BACKOFF);
      this.#probeAt = this.#clock.now() + Math.max(delayMs, this.#pauseMs);
      this.#pauseMs = 0;
      if (this.#probes === 0) onOpen(failures);
      this.#probes++;
    });
    policy.onReset(() => {
      this.#probes = 0;
      onClose();
    });
    this.#policy = policy;
  }

  get state(): BreakerState {
    switch (this.#policy?.state) {
      case CircuitState.Open:
        return 'open';
      case CircuitState.HalfOpen:
        return 'half-open';
      default:
        return 'closed';
    }
  }

  /** When the next probe may be made while it is open, on the clock's {@link Clock.now}. */
  get probeAt(): number {
    return this.#probeAt;
  }

  /** Makes an attempt: any attempt while it is closed, one probe while it is open. It begins within this call. */
  async run(attempt: () => Promise<void>): Promise<void> {
    await (this.#policy === undefined ? attempt() : this.#policy.execute(attempt));
  }

  #breaker(failures: number): IBreaker {
    const consecutive = new ConsecutiveBreaker(failures);
    return {
      state: undefined,
      success: () => {
        consecutive.success();
      },
      failure: () => consecutive.failure() || this.#pauseMs > 0,
    };
  }

  /** Relays that failed as one request have one cause, which counts once. A failed probe always counts. */
  #isFailure(error: unknown): boolean {
    if (!canBeTriedAgain(error)) return false;
    this.#pauseMs = Math.max(this.#pauseMs, error.retryAfterMs ?? 0);
    const { cause } = error;
    if (typeof cause !== 'object' || cause === null) return true;
    const isNew = !this.#counted.has(cause);
    this.#counted.add(cause);
    return isNew || this.state === 'half-open';
  }
}
