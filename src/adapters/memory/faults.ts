import type { QuestionError } from '../../channels/engine-socket-client.js';
import type { SocketDeliveryError } from '../../ports/errors.js';
import { unavailableOrRejected } from '../../ports/losses.js';
import type { Relay } from '../../ports/relay.js';

/** A failure that a test has injected. */
interface Fault {
  readonly reason: string;
  readonly isRetryable: boolean;
  readonly cause?: unknown;
}

const DOWN: Fault = { reason: 'the provider is down (injected)', isRetryable: true };

/** Injects failures for tests. */
export class Faults {
  readonly #next: Fault[] = [];
  #isDown = false;

  /** The next call is refused by the provider; a retry would not help. */
  rejectNext(reason = 'the provider refused (injected)'): void {
    this.#next.push({ reason, isRetryable: false });
  }

  /** The next call fails as if the connection broke; a retry could help. */
  failNext(cause?: unknown): void {
    this.#next.push({ reason: 'the connection broke (injected)', isRetryable: true, cause });
  }

  /** The next call fails as if the provider never answered; a retry could help. */
  timeOutNext(): void {
    this.#next.push({ reason: 'no answer in time (injected)', isRetryable: true });
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

  /** @throws SocketDeliveryError when a failure was injected for this relay */
  check(relay: Relay): void {
    this.#throw(({ isRetryable, reason, cause }) =>
      unavailableOrRejected(isRetryable, 'memory', relay, reason, { cause }),
    );
  }

  /** @throws SocketDeliveryError when a failure was injected for this question */
  checkQuestion(errorOf: QuestionError): void {
    this.#throw(({ isRetryable, reason, cause }) => errorOf(isRetryable, reason, cause));
  }

  #throw(errorOf: (fault: Fault) => SocketDeliveryError): void {
    const fault = this.#isDown ? DOWN : this.#next.shift();
    if (fault !== undefined) throw errorOf(fault);
  }
}
