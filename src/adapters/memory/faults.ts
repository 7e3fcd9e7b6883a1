import {
  type DeliveryFailure,
  type SocketDeliveryError,
  SocketRejectedError,
  SocketUnavailableError,
} from '../../ports/errors.js';

type Fault = (lost: readonly string[]) => SocketDeliveryError;

/** Failures on demand, as a test orders them. */
export class Faults {
  readonly #next: Fault[] = [];
  #isDown = false;

  /** The next call is refused by the provider; a retry would not help. */
  rejectNext(reason = 'the provider refused (injected)'): void {
    this.#next.push((lost) => new SocketRejectedError(describe(lost, reason), failure(lost)));
  }

  /** The next call fails as if the connection broke; a retry could help. */
  failNext(cause?: unknown): void {
    this.#next.push(
      (lost) =>
        new SocketUnavailableError(describe(lost, 'the connection broke (injected)'), failure(lost, cause)),
    );
  }

  /** The next call fails as if the provider never answered; a retry could help. */
  timeOutNext(): void {
    this.#next.push(
      (lost) => new SocketUnavailableError(describe(lost, 'no answer in time (injected)'), failure(lost)),
    );
  }

  /** Every call fails until {@link comeBack}. */
  goDown(): void {
    this.#isDown = true;
  }

  /** Calls succeed again. */
  comeBack(): void {
    this.#isDown = false;
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  /** @throws SocketDeliveryError when a failure was ordered for this call */
  check(lost: readonly string[]): void {
    if (this.#isDown)
      throw new SocketUnavailableError(describe(lost, 'the provider is down (injected)'), failure(lost));
    const fault = this.#next.shift();
    if (fault !== undefined) throw fault(lost);
  }
}

function describe(lost: readonly string[], reason: string): string {
  return `The provider "memory" did not deliver to ${lost.join(', ')}: ${reason}`;
}

function failure(lost: readonly string[], cause?: unknown): DeliveryFailure {
  return { provider: 'memory', lost, cause };
}
