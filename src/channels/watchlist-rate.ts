import type { Clock } from '../ports/clock.js';

const SECOND_MS = 1_000;

/** A watchlist that is watched later. */
interface WaitingList {
  readonly userId: string;
  readonly isNew: () => boolean;
  readonly watch: () => void;
}

/**
 * Slows down members who have others watched again and again. A watchlist is new when somebody is on it whom nobody on this
 * node watches: the cluster has to be asked for that user. The limit applies to all connections of a member on this node
 * together. The lists over it are watched in a later second, and none is lost.
 */
export class WatchlistRate {
  readonly #clock: Clock;
  readonly #perSecond: number;
  /** How many new watchlists each member had in this second. */
  readonly #counts = new Map<string, number>();
  #waiting: WaitingList[] = [];

  /** @param perSecond the new watchlists of one member in a second; 0 allows any number */
  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  /**
   * Watches a list now, or in a later second.
   *
   * @param isNew asked again when the list has waited: others may have watched the same users meanwhile
   */
  take(userId: string, isNew: () => boolean, watch: () => void): void {
    if (this.#perSecond === 0 || !isNew()) {
      watch();
      return;
    }
    const count = this.#counts.get(userId) ?? 0;
    if (this.#counts.size === 0) this.#clock.after(SECOND_MS, this.#nextSecond);
    this.#counts.set(userId, count + 1);
    if (count < this.#perSecond) watch();
    else this.#waiting.push({ userId, isNew, watch });
  }

  readonly #nextSecond = (): void => {
    this.#counts.clear();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { userId, isNew, watch } of waiting) this.take(userId, isNew, watch);
  };
}
