const UNKNOWN = -1;

/** A watched user. */
interface Watched {
  isOnline: boolean;
  /** Which of the user's changes this is: Redis gives every one a higher number. */
  version: number;
}

/** Who is watched on this node, and whether they are online on any. */
export class WatchedUsers {
  readonly #users = new Map<string, Watched>();

  constructor(private readonly tell: (userId: string, isOnline: boolean) => void) {}

  get ids(): readonly string[] {
    return [...this.#users.keys()];
  }

  /** Whether it is known how a user is. */
  isKnown(userId: string): boolean {
    return (this.#users.get(userId)?.version ?? UNKNOWN) !== UNKNOWN;
  }

  add(userIds: readonly string[]): void {
    for (const id of userIds)
      if (!this.#users.has(id)) this.#users.set(id, { isOnline: false, version: UNKNOWN });
  }

  delete(userIds: readonly string[]): void {
    for (const id of userIds) this.#users.delete(id);
  }

  /** What is known of a user at one time; told where it is news. What is known first is for the caller to tell. */
  learn(userId: string, isOnline: boolean, version: number): void {
    const watched = this.#users.get(userId);
    if (watched === undefined || version < watched.version) return;
    const isNews = watched.isOnline !== isOnline && watched.version !== UNKNOWN;
    watched.isOnline = isOnline;
    watched.version = version;
    if (isNews) this.tell(userId, isOnline);
  }

  /** Nobody can say; told where it is news, until somebody can. */
  guess(userId: string, isOnline: boolean): void {
    const watched = this.#users.get(userId);
    if (watched !== undefined) this.learn(userId, isOnline, watched.version);
  }

  online(userIds: readonly string[]): ReadonlySet<string> {
    return new Set(userIds.filter((id) => this.#users.get(id)?.isOnline));
  }
}
