/** The version of a status that nobody knows yet. */
const UNKNOWN = -1;

interface Status {
  isOnline: boolean;
  /** Redis gives every change of the user's status a higher version than the one before. */
  version: number;
}

/** The users who are watched on this node, and whether they are online on any node. */
export class WatchedUsers {
  readonly #statusChanged: (userId: string, isOnline: boolean) => void;
  readonly #users = new Map<string, Status>();

  /** @param statusChanged called when a known status changes */
  constructor(statusChanged: (userId: string, isOnline: boolean) => void) {
    this.#statusChanged = statusChanged;
  }

  /** The ids of the watched users. */
  get ids(): readonly string[] {
    return [...this.#users.keys()];
  }

  /** Whether the status of a user is known. */
  isKnown(userId: string): boolean {
    return (this.#users.get(userId)?.version ?? UNKNOWN) !== UNKNOWN;
  }

  /** Watches users. Their status is not known yet, unless they are watched already. */
  add(userIds: readonly string[]): void {
    for (const id of userIds) {
      if (!this.#users.has(id)) this.#users.set(id, { isOnline: false, version: UNKNOWN });
    }
  }

  /** Watches users no more. */
  delete(userIds: readonly string[]): void {
    for (const id of userIds) this.#users.delete(id);
  }

  /** Sets a status, unless a newer one is known. The first status is not a change: the caller asked for it. */
  learn(userId: string, isOnline: boolean, version: number): void {
    const status = this.#users.get(userId);
    if (status === undefined || version < status.version) return;
    const isChange = status.isOnline !== isOnline && status.version !== UNKNOWN;
    status.isOnline = isOnline;
    status.version = version;
    if (isChange) this.#statusChanged(userId, isOnline);
  }

  /** Sets a status that this node guesses while Redis is away. Any status of Redis that is not older replaces it. */
  guess(userId: string, isOnline: boolean): void {
    const status = this.#users.get(userId);
    if (status !== undefined) this.learn(userId, isOnline, status.version);
  }

  /** Those of these users who are watched and online. */
  online(userIds: readonly string[]): ReadonlySet<string> {
    return new Set(userIds.filter((id) => this.#users.get(id)?.isOnline));
  }
}
