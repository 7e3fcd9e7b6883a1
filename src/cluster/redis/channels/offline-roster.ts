import type { Clock, Timer } from '../../../ports/clock.js';
import type { Roster } from './roster.js';

/** The gateway's limits of presence channels. */
export interface PresenceLimits {
  /** For how long a member may be without a connection before the member is removed. */
  readonly graceMs: number;
  /** The most members of one channel; 0 allows any number. */
  readonly maximumMembers: number;
}

/**
 * Changes a roster while Redis is away: this node's own members come and go as on a single node. Nothing is heard of the
 * members of other nodes, so they stay.
 */
export class OfflineRoster {
  readonly #roster: Roster;
  readonly #clock: Clock;
  readonly #limits: PresenceLimits;
  readonly #expired: (id: string) => void;
  /** The grace periods of this node's members that are running. Most channels never have one. */
  #leaving: Map<string, Timer> | undefined;

  /** @param expired called when a member's grace period is over, after the member was removed */
  constructor(roster: Roster, clock: Clock, limits: PresenceLimits, expired: (id: string) => void) {
    this.#roster = roster;
    this.#clock = clock;
    this.#limits = limits;
    this.#expired = expired;
  }

  /** Whether any grace period is running. */
  get isExpecting(): boolean {
    return this.#leaving !== undefined && this.#leaving.size > 0;
  }

  /** Adds a user. @returns false when the channel is full */
  join(id: string, info: unknown): boolean {
    const { users } = this.#roster;
    const { maximumMembers } = this.#limits;
    if (maximumMembers !== 0 && users.size >= maximumMembers && !users.has(id)) return false;
    this.stay(id);
    this.#roster.add({ id, info });
    return true;
  }

  /** Removes a user: now when the leave is deliberate, otherwise after the grace period. */
  leave(id: string, isDeliberate: boolean): void {
    this.stay(id);
    const { graceMs } = this.#limits;
    if (isDeliberate || graceMs === 0) {
      this.#roster.remove(id);
      return;
    }
    const timer = this.#clock.after(graceMs, () => {
      this.#leaving?.delete(id);
      this.#roster.remove(id);
      this.#expired(id);
    });
    (this.#leaving ??= new Map()).set(id, timer);
  }

  /** Redis is back and decides again. @returns the users whose grace periods were running */
  end(): readonly string[] {
    const ids = [...(this.#leaving?.keys() ?? [])];
    for (const id of ids) this.stay(id);
    return ids;
  }

  /** Ends the user's grace period: the user is present. */
  stay(id: string): void {
    this.#leaving?.get(id)?.cancel();
    this.#leaving?.delete(id);
  }
}
