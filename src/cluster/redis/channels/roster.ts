import { isDeepStrictEqual } from 'node:util';
import type { User } from '../../../ports/user.js';
import { type BusMessage, infoOf } from '../bus-message.js';

/** A change of a channel's roster, as the bus brings it. */
export type RosterChange = Extract<BusMessage, { kind: 'added' | 'removed' }>;

/** Called with every change of a roster. */
export interface RosterListener {
  /** A user is new in the roster. */
  readonly memberAdded: (user: User) => void;
  /** A user of the roster has another info now. */
  readonly memberChanged: (user: User) => void;
  /** A user is no longer in the roster. */
  readonly memberRemoved: (userId: string) => void;
  /** Redis says that a user is gone who is not: the user stays in the roster, and a copy of what Redis has is needed. */
  readonly memberDisputed: (userId: string) => void;
}

/** How many changes wait for a copy of the roster. With more of them another copy costs less. */
const MOST_EARLY = 10_000;

/**
 * The members of a channel on all nodes, as one node sees them: a copy of what Redis has. Changes are applied in the order
 * in which Redis made them. Each change names the version before it, so none can be missed unnoticed.
 */
export class Roster {
  readonly users = new Map<string, User>();
  readonly #listener: RosterListener;
  readonly #isHere: (id: string) => boolean;
  #version = 0;
  #isBehind = true;
  /** The changes that were heard of while the roster is behind. */
  #early: RosterChange[] = [];

  /** @param isHere whether a user is present through this node, whatever Redis says */
  constructor(listener: RosterListener, isHere: (id: string) => boolean) {
    this.#listener = listener;
    this.#isHere = isHere;
  }

  /** The version of the last change that was applied; 0 while nothing is known. */
  get version(): number {
    return this.#version;
  }

  /** Whether a copy of what Redis has is needed: nothing is known yet, or a change was missed. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** A change was missed that was not heard of. */
  fallBehind(): void {
    this.#isBehind = true;
  }

  /** Nothing is heard of any more: the users are those of before, and a copy is needed. */
  forget(): void {
    this.#version = 0;
    this.#isBehind = true;
    this.#early = [];
  }

  /** Applies a change, unless it was applied before. While the roster is behind, changes wait for the copy. */
  change(change: RosterChange): void {
    if (!this.#isBehind) {
      if (change.version <= this.#version) return;
      if (change.previous === this.#version) {
        this.#apply(change);
        return;
      }
      this.#isBehind = true;
    }
    if (this.#early.length === MOST_EARLY) this.#early = [];
    this.#early.push(change);
  }

  /**
   * Replaces the whole roster by a copy of what Redis had at a version, and applies the changes that were heard of since.
   *
   * @param entries `id, info, id, info`…
   * @param isGone whether a user who is among the entries is not added
   */
  replace(version: number, entries: readonly string[], isGone: (id: string) => boolean = () => false): void {
    if (!this.#isBehind && version <= this.#version) return;
    this.#version = version;
    this.#isBehind = false;
    const present = new Set<string>();
    for (let index = 0; index < entries.length; index += 2) {
      const [id = '', info = ''] = entries.slice(index, index + 2);
      present.add(id);
      if (!isGone(id)) this.#add({ id, info: infoOf(info) });
    }
    for (const id of [...this.users.keys()]) if (!present.has(id) && !this.#isHere(id)) this.#remove(id);
    const early = this.#early;
    this.#early = [];
    for (const change of early) this.change(change);
  }

  /** Adds a user of this node, or gives the user a new info, without Redis. A copy of what Redis has is needed afterwards. */
  add(user: User): void {
    this.#isBehind = true;
    this.#add(user);
  }

  /** Removes a user of this node without Redis. A copy of what Redis has is needed afterwards. */
  remove(id: string): void {
    this.#isBehind = true;
    this.#remove(id);
  }

  #add(user: User): void {
    const known = this.users.get(user.id);
    this.users.set(user.id, user);
    if (known === undefined) this.#listener.memberAdded(user);
    else if (!isDeepStrictEqual(known.info, user.info)) this.#listener.memberChanged(user);
  }

  #remove(id: string): void {
    if (this.users.delete(id)) this.#listener.memberRemoved(id);
  }

  #apply(change: RosterChange): void {
    const { kind, version, id } = change;
    this.#version = version;
    if (kind === 'added') this.#add({ id, info: infoOf(change.info) });
    else if (this.#isHere(id)) {
      // The user may leave before Redis has the user again, and nobody would tell of that.
      this.#isBehind = true;
      this.#listener.memberDisputed(id);
    } else this.#remove(id);
  }
}
