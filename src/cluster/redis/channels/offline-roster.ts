import type { Clock, Timer } from '../../../ports/clock.js';
import type { Roster } from './roster.js';

/** What becomes of a roster while Redis is away: this node's own members come and go, and of the others nothing is heard. */
export class OfflineRoster {
  /** The members of this node who may be reloading the page. */
  #leaving: Map<string, Timer> | undefined;

  constructor(
    private readonly roster: Roster,
    private readonly clock: Clock,
    private readonly graceMs: number,
    /** The most members; 0 allows any number. */
    private readonly maximum: number,
    /** A member's grace period is over. */
    private readonly gone: (id: string) => void,
  ) {}

  /** Whether anybody may come back. */
  get isExpecting(): boolean {
    return this.#leaving !== undefined && this.#leaving.size > 0;
  }

  /** @returns whether the user was let in */
  join(id: string, info: unknown): boolean {
    const { users } = this.roster;
    if (this.maximum !== 0 && users.size >= this.maximum && !users.has(id)) return false;
    this.stay(id);
    this.roster.add({ id, info });
    return true;
  }

  leave(id: string, isDeliberate: boolean): void {
    this.stay(id);
    if (isDeliberate || this.graceMs === 0) {
      this.roster.remove(id);
      return;
    }
    const timer = this.clock.after(this.graceMs, () => {
      this.#leaving?.delete(id);
      this.roster.remove(id);
      this.gone(id);
    });
    (this.#leaving ??= new Map()).set(id, timer);
  }

  /** Redis is back, and says from now on. @returns who was about to leave */
  end(): readonly string[] {
    const ids = [...(this.#leaving?.keys() ?? [])];
    for (const id of ids) this.stay(id);
    return ids;
  }

  /** The member is here. */
  stay(id: string): void {
    this.#leaving?.get(id)?.cancel();
    this.#leaving?.delete(id);
  }
}
