import type { Clock } from '../../../ports/clock.js';

const SECOND_MS = 1_000;

/** Limits the messages of one member in a second, on all connections to this process together. */
export class MemberRate {
  readonly #clock: Clock;
  readonly #perSecond: number;
  /** The messages of each member since {@link #startedAt}. Only members of this second are in it. */
  #counts = new Map<string, number>();
  #startedAt = Number.NEGATIVE_INFINITY;

  /** @param perSecond 0 allows any number */
  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  /** Counts a message. @returns whether it is within the limit */
  allows(memberId: string): boolean {
    if (this.#perSecond === 0) return true;
    const now = this.#clock.now();
    if (now - this.#startedAt >= SECOND_MS) {
      this.#startedAt = now;
      this.#counts = new Map();
    }
    const count = (this.#counts.get(memberId) ?? 0) + 1;
    this.#counts.set(memberId, count);
    return count <= this.#perSecond;
  }
}
