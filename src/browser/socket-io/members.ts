/** A member on a presence channel. */
export interface Member {
  readonly id: string;
  readonly info: unknown;
}

/** The members of a presence channel, as `pusher-js` gives them. */
export class Members {
  readonly #infos = new Map<string, unknown>();
  /** The id of the page's own member; `null` before it is known. */
  myID: string | null = null;

  /** The infos of the members by their ids. */
  get members(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(this.#infos);
  }

  get count(): number {
    return this.#infos.size;
  }

  get me(): Member | null {
    return this.myID === null ? null : this.get(this.myID);
  }

  get(id: string): Member | null {
    return this.#infos.has(id) ? { id, info: this.#infos.get(id) } : null;
  }

  each(handler: (member: Member) => void): void {
    this.#infos.forEach((info, id) => {
      handler({ id, info });
    });
  }

  /** Forgets those who were there, and takes over the roster of `pusher:subscription_succeeded`. */
  reset({ ids, hash }: { readonly ids: readonly string[]; readonly hash: Record<string, unknown> }): void {
    this.#infos.clear();
    for (const id of ids) this.#infos.set(id, hash[id] ?? undefined);
  }

  add(id: string, info: unknown): Member {
    this.#infos.set(id, info);
    return { id, info };
  }

  /** @returns `null` where nobody of this id was there */
  remove(id: string): Member | null {
    const member = this.get(id);
    this.#infos.delete(id);
    return member;
  }
}
