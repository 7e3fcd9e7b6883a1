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

/** Whether the provider is asked: `closed` yes, `open` no, `half-open` by one relay that finds out. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** From one probe to the next, half of it by chance, so that many processes do not come back as one. */
const PROBE_BACKOFF = { generator: halfJitterGenerator, initialDelay: 1_000, maxDelay: 10_000, exponent: 2 };

/**
 * The circuit breaker in front of a provider. It opens after so many failures in a row, and at once where the provider has
 * said for how long it wants to be left alone. When to probe is for {@link RetryingDelivery} to see to, by {@link probeAt}: the
 * library's own timing would go by the time of day, which may be set back.
 */
export class CircuitBreaker {
  readonly #policy: CircuitBreakerPolicy | undefined;
  readonly #counted = new WeakSet();
  #probes = 0;
  #probeAt = 0;
  #quietMs = 0;

  /** @param failures how many in a row open it; 0 never does */
  constructor(
    private readonly clock: Clock,
    failures: number,
    onOpen: (failures: number) => void,
    onClose: () => void,
  ) {
    if (failures === 0) return;
    const policy = circuitBreaker(
      handleWhen((error) => this.#isFailure(error)),
      // Always: by when, is seen to outside.
      { halfOpenAfter: -Infinity, breaker: this.#breaker(failures) },
    );
    policy.onBreak(() => {
      const [delay] = halfJitterGenerator(this.#probes, PROBE_BACKOFF);
      this.#probeAt = this.clock.now() + Math.max(delay, this.#quietMs);
      this.#quietMs = 0;
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

  /** When the next probe may be made, while it is open. */
  get probeAt(): number {
    return this.#probeAt;
  }

  /** Makes an attempt, while closed, or as the one probe. It begins within the call. */
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
      failure: () => consecutive.failure() || this.#quietMs > 0,
    };
  }

  /** What failed together, as one request, has one cause and counts once; a probe always counts. */
  #isFailure(error: unknown): boolean {
    if (!canBeTriedAgain(error)) return false;
    this.#quietMs = Math.max(this.#quietMs, error.retryAfterMs ?? 0);
    const { cause } = error;
    if (typeof cause !== 'object' || cause === null) return true;
    const isNew = !this.#counted.has(cause);
    this.#counted.add(cause);
    return isNew || this.state === 'half-open';
  }
}
