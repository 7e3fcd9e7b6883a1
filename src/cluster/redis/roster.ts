import type { User } from '../../ports/user.js';
import { infoOf } from './bus-message.js';

/** Whether a change fits what is known: it is news, it is old, or something before it was missed. */
export type Fit = 'next' | 'old' | 'gap';

/**
 * Who is present on a channel on all nodes, as one node sees it: a copy of what Redis has, changed in the order in which
 * it was changed there.
 */
export class Roster {
  readonly users = new Map<string, User>();
  /** How often Redis had changed it; 0 while nothing is known. */
  #version = 0;

  constructor(
    private readonly added: (user: User) => void,
    private readonly removed: (userId: string) => void,
  ) {}

  get version(): number {
    return this.#version;
  }

  /** Where a change belongs. While nothing is known every change is old: what comes first is the whole. */
  fit(version: number): Fit {
    if (this.#version === 0 || version <= this.#version) return 'old';
    return version === this.#version + 1 ? 'next' : 'gap';
  }

  /** Makes the next change: a user with info came, or one left. */
  change(version: number, id: string, info: string | undefined): void {
    this.#version = version;
    if (info === undefined) this.remove(id);
    else this.add({ id, info: infoOf(info) });
  }

  /**
   * Takes the whole as it is now: `id, info, id, info`…
   *
   * @param isKeeping whether those who are not in it stay, because it is not complete yet
   */
  replace(version: number, entries: readonly string[], isKeeping: boolean): void {
    this.#version = version;
    const present = new Set<string>();
    for (let index = 0; index < entries.length; index += 2) {
      const [id = '', info = ''] = entries.slice(index, index + 2);
      present.add(id);
      this.add({ id, info: infoOf(info) });
    }
    if (isKeeping) return;
    for (const id of [...this.users.keys()]) if (!present.has(id)) this.remove(id);
  }

  /** It may not be complete: the next step brings the whole. */
  doubt(): void {
    this.#version = 0;
  }

  add(user: User): void {
    const isNew = !this.users.has(user.id);
    this.users.set(user.id, user);
    if (isNew) this.added(user);
  }

  remove(id: string): void {
    if (this.users.delete(id)) this.removed(id);
  }
}
