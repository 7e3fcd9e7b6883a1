/** A user's id and info, as they travel. */
export type MemberEntry = readonly [id: string, info: string];

/** A user who left, and whether the user did so deliberately: such a leave has no grace period. */
export type LeaveEntry = readonly [id: string, isDeliberate: boolean];

/** Members who joined and left, as one script call reports them to Redis. */
export interface MemberReport {
  readonly joins: readonly MemberEntry[];
  readonly leaves: readonly LeaveEntry[];
}

/**
 * The members who are present on a channel through this node: the desired state, and the state that was reported to Redis.
 */
export class LocalMembers {
  readonly #desired = new Map<string, string>();
  readonly #reported = new Map<string, string>();
  /** The members who are reported but no longer desired, and whether they left deliberately. */
  readonly #departed = new Map<string, boolean>();
  /** The members whose leave was reported and whose grace period is running. */
  readonly #expected = new Map<string, string>();

  /** Redis has this info of a user, from this node or from another one. Another info has to be reported. */
  hasInfo(id: string, info: string): void {
    if (this.#reported.has(id)) this.#reported.set(id, info);
  }

  /** A user is present, or has a new info. */
  join(id: string, info: string): void {
    this.#desired.set(id, info);
    this.#departed.delete(id);
    this.#expected.delete(id);
  }

  /**
   * A user is no longer present.
   *
   * @param isReporting whether a report that may contain the user is on its way to Redis
   */
  leave(id: string, isDeliberate: boolean, isReporting = false): void {
    this.#desired.delete(id);
    if (isReporting || this.#reported.has(id)) this.#departed.set(id, isDeliberate);
  }

  /** The user's grace period ended on this node while Redis was away. Redis does not have to begin another one. */
  expire(id: string): void {
    if (this.#departed.has(id)) this.#departed.set(id, true);
  }

  /** The user was removed from the roster, so nobody expects the user back. */
  stopExpecting(id: string): void {
    this.#expected.delete(id);
  }

  /** The info of a user who is present; `undefined` for any other user. */
  infoOf(id: string): string | undefined {
    return this.#desired.get(id);
  }

  /** Whether the user is present. */
  isDesired(id: string): boolean {
    return this.#desired.has(id);
  }

  /** Whether this node reported the user to Redis, and Redis still has the user or expects the user back. */
  isReported(id: string): boolean {
    return this.#reported.has(id) || this.#expected.has(id);
  }

  /** Whether Redis has the user from this node. */
  hasReported(id: string): boolean {
    return this.#reported.has(id);
  }

  /** Whether Redis has any member from this node. */
  get hasReportedMembers(): boolean {
    return this.#reported.size > 0;
  }

  /** The reported members who left since, and whether they left deliberately. */
  get departed(): ReadonlyMap<string, boolean> {
    return this.#departed;
  }

  /** The members who joined, or have a new info, since the last report. */
  joins(): readonly MemberEntry[] {
    return [...this.#desired].filter(([id, info]) => this.#reported.get(id) !== info);
  }

  /** The members who left since the last report. */
  leaves(): readonly LeaveEntry[] {
    return [...this.#reported.keys()]
      .filter((id) => !this.#desired.has(id))
      .map((id) => [id, this.#departed.get(id) === true] as const);
  }

  /** All members who were reported, with those who left since the last report. */
  reported(): readonly MemberEntry[] {
    return [...this.#reported];
  }

  /** The members whose leave was reported and who may come back. */
  expected(): readonly MemberEntry[] {
    return [...this.#expected];
  }

  /**
   * Redis has accepted a report.
   *
   * @param refused the ids of those joins that the channel had no room for
   * @param isGraceRunning whether any grace period of the channel is running in Redis
   */
  accepted({ joins, leaves }: MemberReport, refused: readonly string[], isGraceRunning: boolean): void {
    for (const [id, info] of joins) if (!refused.includes(id)) this.#reported.set(id, info);
    for (const [id] of leaves) {
      const info = this.#reported.get(id);
      this.#reported.delete(id);
      if (isGraceRunning && info !== undefined && this.#departed.get(id) === false) {
        this.#expected.set(id, info);
      }
    }
    if (!isGraceRunning) this.#expected.clear();
    for (const id of this.#departed.keys()) if (!this.#reported.has(id)) this.#departed.delete(id);
  }
}
