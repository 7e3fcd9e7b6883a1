// Not the global one: the application's tests may replace it by one that they run by hand.
import { setImmediate } from 'node:timers/promises';

/** The pause before a failed step is repeated. It starts with the first value, and doubles after each failure up to the last. */
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 8_000;

/** The callbacks of a {@link StepLoop}. */
export interface Steps {
  /** Takes the step. */
  readonly step: () => Promise<void>;
  /** Whether steps can be taken now. */
  readonly canStep: () => boolean;
  /** Called when a step failed. The step is still requested; {@link StepLoop.retryMs} says when to start again. */
  readonly failed: (error: unknown) => void;
  /** Runs a step when it is its turn: only so many are under way on the whole node. */
  readonly inTurn: (step: () => Promise<void>) => Promise<void>;
}

/** Runs one step at a time. Everything that is requested while a step runs becomes one further step. */
export class StepLoop {
  readonly #steps: Steps;
  #isRequested = false;
  #running: Promise<void> | undefined;
  #retryMs = FIRST_RETRY_MS;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  /** Whether another step is needed. */
  get isRequested(): boolean {
    return this.#isRequested;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Asks for another step. If the loop is not running, it has to be started too. */
  request(): void {
    this.#isRequested = true;
  }

  /** Runs until no step is requested, or none can be taken. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when no step is under way any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** How long to wait before the next attempt; longer each time, until a run succeeds. */
  retryMs(): number {
    // The random part keeps channels that failed together from coming back together.
    const delayMs = this.#retryMs * (1 + Math.random());
    this.#retryMs = Math.min(2 * this.#retryMs, LAST_RETRY_MS);
    return delayMs;
  }

  async #run(): Promise<void> {
    const { step, canStep, failed, inTurn } = this.#steps;
    try {
      // Everything that the current turn of the event loop requests goes into the same step.
      await setImmediate();
      while (this.#isRequested && canStep()) {
        await inTurn(() => {
          this.#isRequested = false;
          return step();
        });
      }
      this.#retryMs = FIRST_RETRY_MS;
    } catch (error) {
      this.#isRequested = true;
      failed(error);
    } finally {
      this.#running = undefined;
    }
  }
}
