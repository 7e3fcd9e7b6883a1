import type { User } from '../../../ports/user.js';
import { infoOf } from '../bus-message.js';

/** Whether a change fits what is known: it is news, it is old, or something before it was missed. */
export type Fit = 'next' | 'old' | 'gap';

/**
 * Who is present on a channel on all nodes, as one node sees it: a copy of what Redis has, changed in the order in which
 * it was changed there.
 */
export class Roster {
  readonly users = new Map<string, User>();
  /** Which of the changes in Redis it has seen; 0 while nothing is known. */
  #version = 0;
  /** The latest change that was heard of. */
  #latest = 0;

  constructor(
    private readonly added: (user: User) => void,
    private readonly removed: (userId: string) => void,
  ) {}

  get version(): number {
    return this.#version;
  }

  /** Where a change belongs. While nothing is known every change is old: what comes first is the whole. */
  fit(version: number): Fit {
    this.#latest = Math.max(this.#latest, version);
    if (this.#version === 0 || version <= this.#version) return 'old';
    return version === this.#version + 1 ? 'next' : 'gap';
  }

  /** The latest change that was heard of, whether it is in it or not. */
  get latest(): number {
    return this.#latest;
  }

  /**
   * Redis was asked.
   *
   * @param latest what was the latest change then: Redis knew it, if it was one
   * @returns whether changes were heard of since that are not in it
   */
  isBehind(latest: number): boolean {
    if (this.#latest > latest) return this.#latest > this.#version;
    this.#latest = this.#version;
    return false;
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
   * @param isKept whether somebody stays who is not in it
   * @param isGone whether somebody is gone who is in it yet
   */
  replace(
    version: number,
    entries: readonly string[],
    isKept: (id: string) => boolean,
    isGone: (id: string) => boolean = () => false,
  ): void {
    this.#version = version;
    const present = new Set<string>();
    for (let index = 0; index < entries.length; index += 2) {
      const [id = '', info = ''] = entries.slice(index, index + 2);
      present.add(id);
      if (!isGone(id)) this.add({ id, info: infoOf(info) });
    }
    for (const id of [...this.users.keys()]) if (!present.has(id) && !isKept(id)) this.remove(id);
  }

  add(user: User): void {
    if (!this.users.has(user.id)) this.added(user);
    this.users.set(user.id, user);
  }

  remove(id: string): void {
    if (this.users.delete(id)) this.removed(id);
  }
}
