import type { Clock, Timer } from '../../../ports/clock.js';
import { LEASE_MS } from '../leases.js';
import type { RestoredNodes } from '../restored-nodes.js';

/** How long nodes have at least to report what they had, before any of them reports new members. */
const SHORTEST_MS = 1_500;
/** The pause before nodes are asked for again who have not reported. */
const PAUSE_MS = 200;

/**
 * The time after a new connection, in which nodes report what they have. Until it is over, a roster of Redis may be an old one.
 *
 * If Redis may have lost data, nodes report only what they had reported before. A new member could otherwise be let into a channel
 * that looks empty only because its members were not reported yet. The time ends when every node that was alive has reported, or has
 * lost its lease.
 */
export class RecoveryWindow {
  readonly #clock: Clock;
  readonly #nodes: Pick<RestoredNodes, 'await' | 'areAll'>;
  readonly #closed: (wasHolding: boolean, areAllBack: boolean) => void;
  #timer: Timer | undefined;
  #openedAt = 0;
  #isHolding = false;
  #isClosed = false;

  /** @param closed called when the time is over: whether data may have been lost, and whether every node has reported it */
  constructor(
    clock: Clock,
    nodes: Pick<RestoredNodes, 'await' | 'areAll'>,
    closed: (wasHolding: boolean, areAllBack: boolean) => void,
  ) {
    this.#clock = clock;
    this.#nodes = nodes;
    this.#closed = closed;
  }

  get isOpen(): boolean {
    return this.#timer !== undefined;
  }

  /** Whether new subscriptions have to wait. */
  get isHolding(): boolean {
    return this.isOpen && this.#isHolding;
  }

  /** Opens the window. While it is open it stays so for a while longer, but no longer than a lease in all. */
  open(isHolding: boolean): void {
    if (this.#isClosed) return;
    if (!this.isOpen || (isHolding && !this.isHolding)) this.#openedAt = this.#clock.now();
    if (isHolding) this.#nodes.await(!this.isHolding);
    this.#isHolding = isHolding || this.isHolding;
    this.#wait(SHORTEST_MS);
  }

  /** Stops the timer for good: nothing is called any more. */
  cancel(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(milliseconds: number): void {
    this.#timer?.cancel();
    const timer = this.#clock.after(milliseconds, () => void this.#closeIfDone(timer));
    this.#timer = timer;
  }

  async #closeIfDone(timer: Timer): Promise<void> {
    const areAllBack = this.#isHolding && (await this.#nodes.areAll());
    // Meanwhile its time may have begun anew.
    if (this.#timer !== timer) return;
    const isLate = this.#clock.now() - this.#openedAt >= LEASE_MS;
    if (this.#isHolding && !areAllBack && !isLate) {
      this.#wait(PAUSE_MS);
      return;
    }
    const wasHolding = this.isHolding;
    this.#timer = undefined;
    this.#closed(wasHolding, areAllBack);
  }
}
