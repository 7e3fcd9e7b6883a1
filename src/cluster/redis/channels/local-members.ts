/** A user's id and info, as they travel. */
export type Entry = readonly [id: string, info: string];

/** Who is present on a channel through this node: how it is, and how far Redis was told of it. */
export class LocalMembers {
  readonly #wanted = new Map<string, string>();
  readonly #told = new Map<string, string>();
  /** How those went who are told and not wanted: deliberately or not. */
  readonly #departed = new Map<string, boolean>();
  /** Who went a moment ago and may come back, as Redis knows. */
  readonly #expected = new Map<string, string>();

  join(id: string, info: string): void {
    this.#wanted.set(id, info);
    this.#departed.delete(id);
    this.#expected.delete(id);
  }

  /** @param isTelling whether Redis may just be told of the user */
  leave(id: string, isDeliberate: boolean, isTelling = false): void {
    this.#wanted.delete(id);
    if (isTelling || this.#told.has(id)) this.#departed.set(id, isDeliberate);
  }

  /** The user did not come back in time, as far as this node could tell: nobody waits for another time. */
  missed(id: string): void {
    if (this.#departed.has(id)) this.#departed.set(id, true);
  }

  /** Nobody waits for the user any more. */
  gone(id: string): void {
    this.#expected.delete(id);
  }

  /** The info of a user who is present. */
  infoOf(id: string): string | undefined {
    return this.#wanted.get(id);
  }

  isWanted(id: string): boolean {
    return this.#wanted.has(id);
  }

  /** Whether Redis has, or had, the user from this node. */
  isTold(id: string): boolean {
    return this.#told.has(id) || this.#expected.has(id);
  }

  get isAnyTold(): boolean {
    return this.#told.size > 0;
  }

  /** Who went, of those whom Redis was told of, and whether deliberately. */
  get departed(): ReadonlyMap<string, boolean> {
    return this.#departed;
  }

  /** Who came, or changed, since Redis was told. */
  joins(): readonly Entry[] {
    return [...this.#wanted].filter(([id, info]) => this.#told.get(id) !== info);
  }

  /** Who went since Redis was told. */
  leaves(): readonly (readonly [id: string, isDeliberate: boolean])[] {
    return [...this.#told.keys()]
      .filter((id) => !this.#wanted.has(id))
      .map((id) => [id, this.#departed.get(id) === true] as const);
  }

  /** Everybody whom Redis was told of before, with those who went since. */
  base(): readonly Entry[] {
    return [...this.#told];
  }

  /** Who went a moment ago and may come back. */
  expected(): readonly Entry[] {
    return [...this.#expected];
  }

  /** Redis was told: who came and was not refused, and who went, of whom it waits for some. */
  told(
    joins: readonly Entry[],
    refused: readonly string[],
    leaves: readonly string[],
    isWaiting: boolean,
  ): void {
    for (const [id, info] of joins) if (!refused.includes(id)) this.#told.set(id, info);
    for (const id of leaves) {
      const info = this.#told.get(id);
      this.#told.delete(id);
      if (isWaiting && info !== undefined && this.#departed.get(id) === false) this.#expected.set(id, info);
    }
    if (!isWaiting) this.#expected.clear();
    for (const id of this.#departed.keys()) if (!this.#told.has(id)) this.#departed.delete(id);
  }
}
