import type { Clock, Timer } from '../../ports/clock.js';
import type { RelayQueue } from './relay-queue.js';

/** How often is looked, at the least, for relays whose time has come. */
const LATER_MS = 1_000;
/** And at the most: where the queue is full they have to wait. */
const SOON_MS = 50;
const LATER_AT_A_TIME = 500;

/** How often is looked for lines that nobody looks after. */
const FORGOTTEN_CHECK_MS = 5_000;
/** A line whose first relay has waited for so long is woken once more. */
const FORGOTTEN_MS = 10_000;
const FORGOTTEN_AT_A_TIME = 1_000;

/** What every worker does besides its work: it sees to relays whose time has come, and to lines that were forgotten. */
export class QueueSweeper {
  readonly #timers = new Map<() => Promise<number>, Timer>();
  #isClosed = false;

  /** @param isAtWork whether waking lines makes sense */
  constructor(
    private readonly queue: RelayQueue,
    private readonly clock: Clock,
    private readonly isAtWork: () => boolean,
  ) {
    this.#repeat(() => this.#release(), LATER_MS);
    this.#repeat(() => this.#wakeForgotten(), FORGOTTEN_CHECK_MS);
  }

  /** Looks no more. What is under way may still come to its end. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }

  /** @param look resolves with the milliseconds until it is to be done again */
  #repeat(look: () => Promise<number>, afterFailureMs: number): void {
    void look()
      .catch(() => afterFailureMs)
      .then((milliseconds) => {
        if (this.#isClosed) return;
        const again = this.clock.after(milliseconds, () => {
          this.#repeat(look, afterFailureMs);
        });
        this.#timers.set(look, again);
      });
  }

  async #release(): Promise<number> {
    const { link, lanes } = this.queue;
    const { lanes: woken, next } = await link.use(() => lanes.release(LATER_AT_A_TIME));
    if (woken.length > 0) await link.use(() => this.queue.wake(woken));
    const inMs = next === undefined ? LATER_MS : next - Date.now();
    return Math.max(SOON_MS, Math.min(inMs, LATER_MS));
  }

  /** A process may have died between putting into a line and waking it, and Redis may have lost one of the two. */
  async #wakeForgotten(): Promise<number> {
    if (!this.isAtWork()) return FORGOTTEN_CHECK_MS;
    const { link, lanes } = this.queue;
    const forgotten = await link.use(() => lanes.since(Date.now() - FORGOTTEN_MS, FORGOTTEN_AT_A_TIME));
    await link.use(() => this.queue.wakeEach(forgotten));
    return FORGOTTEN_CHECK_MS;
  }
}
