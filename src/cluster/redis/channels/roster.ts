import { isDeepStrictEqual } from 'node:util';
import type { User } from '../../../ports/user.js';
import { infoOf } from '../bus-message.js';

/** Whether a change is the next one, is already in the roster (or replaced by it), or comes after a change that was missed. */
export type Fit = 'next' | 'old' | 'gap';

/** Called with every change of a roster. */
export interface RosterListener {
  /** A user is new in the roster. */
  readonly memberAdded: (user: User) => void;
  /** A user of the roster has another info now. */
  readonly memberChanged: (user: User) => void;
  /** A user is no longer in the roster. */
  readonly memberRemoved: (userId: string) => void;
}

/**
 * The members of a channel on all nodes, as one node sees them: a copy of what Redis has. Changes are applied in the order
 * in which Redis made them.
 */
export class Roster {
  readonly users = new Map<string, User>();
  readonly #listener: RosterListener;
  /** The version of the last change that was applied; 0 while nothing is known. */
  #version = 0;
  /** The highest version that was heard of. */
  #latest = 0;

  constructor(listener: RosterListener) {
    this.#listener = listener;
  }

  /** The version of the last change that was applied; 0 while nothing is known. */
  get version(): number {
    return this.#version;
  }

  /** Compares a change with the roster. While the version is 0, every change counts as old: a full copy is needed first. */
  fit(version: number): Fit {
    this.#latest = Math.max(this.#latest, version);
    if (this.#version === 0 || version <= this.#version) return 'old';
    return version === this.#version + 1 ? 'next' : 'gap';
  }

  /** The highest version that was heard of, applied or not. */
  get latest(): number {
    return this.#latest;
  }

  /**
   * To be called when Redis has answered a question about the roster.
   *
   * @param latest the value of {@link latest} when the question was asked; Redis had made that change by then
   * @returns whether the roster misses a change that was heard of after the question
   */
  isBehind(latest: number): boolean {
    if (this.#latest > latest) return this.#latest > this.#version;
    this.#latest = this.#version;
    return false;
  }

  /**
   * Applies the next change.
   *
   * @param info the info of a user who joined; `undefined` when the user left
   */
  change(version: number, id: string, info: string | undefined): void {
    this.#version = version;
    if (info === undefined) this.remove(id);
    else this.add({ id, info: infoOf(info) });
  }

  /**
   * Replaces the whole roster.
   *
   * @param entries `id, info, id, info`…
   * @param isKept whether a user stays who is not among the entries
   * @param isGone whether a user who is among the entries is not added
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

  /** Adds a user, or gives the user a new info. */
  add(user: User): void {
    const known = this.users.get(user.id);
    this.users.set(user.id, user);
    if (known === undefined) this.#listener.memberAdded(user);
    else if (!isDeepStrictEqual(known.info, user.info)) this.#listener.memberChanged(user);
  }

  /** Removes a user, if the user is there. */
  remove(id: string): void {
    if (this.users.delete(id)) this.#listener.memberRemoved(id);
  }
}
