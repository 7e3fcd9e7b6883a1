import type { Clock, Timer } from '../../ports/clock.js';
import type { RelayQueue } from './relay-queue.js';

/** The longest time between two looks for delayed relays that are due, and the wait after a failed one. */
const RELEASE_MAX_MS = 1_000;
/** The shortest time: while the queue is full, due relays have to wait. */
const RELEASE_MIN_MS = 50;
const RELEASED_AT_A_TIME = 500;

/** The time between two looks for lanes without a job. */
const FORGOTTEN_CHECK_MS = 5_000;
/** A lane whose first relay has waited for so long is woken once more. */
const FORGOTTEN_MS = 10_000;
const WOKEN_AT_A_TIME = 1_000;

/** Runs beside every worker: puts delayed relays into their lanes once they are due, and wakes lanes that have lost their job. */
export class QueueSweeper {
  readonly #queue: RelayQueue;
  readonly #clock: Clock;
  readonly #isWorking: () => boolean;
  readonly #timers = new Map<() => Promise<number>, Timer>();
  #isClosed = false;

  /** @param isWorking whether workers may attempt relays now; otherwise no lane is woken */
  constructor(queue: RelayQueue, clock: Clock, isWorking: () => boolean) {
    this.#queue = queue;
    this.#clock = clock;
    this.#isWorking = isWorking;
    this.#repeat(() => this.#releaseDue(), RELEASE_MAX_MS);
    this.#repeat(() => this.#wakeForgotten(), FORGOTTEN_CHECK_MS);
  }

  /** Stops. A sweep that is under way may still end. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }

  /** @param sweep resolves with the milliseconds until the next one */
  #repeat(sweep: () => Promise<number>, afterFailureMs: number): void {
    void sweep()
      .catch(() => afterFailureMs)
      .then((delayMs) => {
        if (this.#isClosed) return;
        const timer = this.#clock.after(delayMs, () => {
          this.#repeat(sweep, afterFailureMs);
        });
        this.#timers.set(sweep, timer);
      });
  }

  async #releaseDue(): Promise<number> {
    const { link, lanes } = this.#queue;
    const { lanes: woken, nextAt } = await link.use(() => lanes.releaseDue(RELEASED_AT_A_TIME));
    if (woken.length > 0) await link.use(() => this.#queue.wake(woken));
    const delayMs = nextAt === undefined ? RELEASE_MAX_MS : nextAt - this.#clock.time();
    return Math.max(RELEASE_MIN_MS, Math.min(delayMs, RELEASE_MAX_MS));
  }

  /** A process may have died after it filled a lane and before it woke it, and Redis may have lost the lane's job. */
  async #wakeForgotten(): Promise<number> {
    if (!this.#isWorking()) return FORGOTTEN_CHECK_MS;
    const { link, lanes } = this.#queue;
    const since = this.#clock.time() - FORGOTTEN_MS;
    const forgotten = await link.use(() => lanes.waitingSince(since, WOKEN_AT_A_TIME));
    await link.use(() => this.#queue.wakeEach(forgotten));
    return FORGOTTEN_CHECK_MS;
  }
}
