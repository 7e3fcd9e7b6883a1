/** The version of a status that nobody knows yet. */
const UNKNOWN = -1;
/** The version of a status that Redis has not told, or that may have changed since. */
const UNCONFIRMED = 0;

/** How many users are kept whom nobody watches any more: a watchlist that comes back soon costs nothing. */
export const KEPT_USERS = 10_000;

interface Status {
  isOnline: boolean;
  /** Redis gives every change of the user's status a higher version than the one before. */
  version: number;
}

/**
 * The users who are watched on this node, by their own channels, and whether they are online on any node. Users whom nobody
 * watches any more are kept for a while, and their statuses stay up to date.
 */
export class WatchedUsers {
  readonly #statusChanged: (channel: string, isOnline: boolean) => void;
  readonly #maximumKept: number;
  readonly #users = new Map<string, Status>();
  /** Those whom nobody watches, and since when, the longest kept first. */
  readonly #kept = new Map<string, number>();

  /** @param statusChanged called when a known status of a watched user changes */
  constructor(statusChanged: (channel: string, isOnline: boolean) => void, maximumKept: number = KEPT_USERS) {
    this.#statusChanged = statusChanged;
    this.#maximumKept = maximumKept;
  }

  /** The watched users and those who are kept, by their channels. */
  get all(): ReadonlyMap<string, unknown> {
    return this.#users;
  }

  /** The channels of the watched users. */
  get channels(): readonly string[] {
    return [...this.#users.keys()].filter((channel) => !this.#kept.has(channel));
  }

  /** Whether the status of a user is known from Redis. */
  isKnown(channel: string): boolean {
    return (this.#users.get(channel)?.version ?? UNKNOWN) > UNCONFIRMED;
  }

  /** Watches users. Their status is not known yet, unless they are watched already, or kept. */
  add(channels: readonly string[]): void {
    for (const channel of channels) {
      this.#kept.delete(channel);
      if (!this.#users.has(channel)) this.#users.set(channel, { isOnline: false, version: UNKNOWN });
    }
  }

  /**
   * Watches users no more.
   *
   * @param now in milliseconds of `Clock.now()`
   * @returns the channels of users who are not kept
   */
  release(channels: readonly string[], now: number): readonly string[] {
    const known = channels.filter((channel) => this.isKnown(channel));
    for (const channel of known) this.#kept.set(channel, now);
    const unknown = channels.filter((channel) => this.#users.has(channel) && !this.isKnown(channel));
    return this.#forget([...unknown, ...this.#tooMany()]);
  }

  /** Whether users are kept whom nobody watches. */
  get isKeeping(): boolean {
    return this.#kept.size > 0;
  }

  /**
   * Forgets the users whom nobody watches since then, or for longer.
   *
   * @param since in milliseconds of `Clock.now()`; all of them unless it is given
   * @returns their channels
   */
  forgetKept(since = Number.POSITIVE_INFINITY): readonly string[] {
    const old = [...this.#kept].filter(([, keptAt]) => keptAt <= since);
    return this.#forget(old.map(([channel]) => channel));
  }

  /** Redis may have changed without a word: the next status that it tells of a user is right, whatever its version. */
  doubt(): void {
    for (const status of this.#users.values()) status.version = Math.min(status.version, UNCONFIRMED);
  }

  /** Sets a status, unless a newer one is known. The first status is not a change: the caller asked for it. */
  learn(channel: string, isOnline: boolean, version: number): void {
    const status = this.#users.get(channel);
    if (status === undefined || version < status.version) return;
    const isChange = status.isOnline !== isOnline && status.version !== UNKNOWN;
    status.isOnline = isOnline;
    status.version = version;
    if (isChange && !this.#kept.has(channel)) this.#statusChanged(channel, isOnline);
  }

  /**
   * Compares a status with the one that Redis has. A Redis that has lost data may have an older one, or think that everybody is
   * offline, until that is corrected. If it is still there the next time, it is right.
   */
  confirm(channel: string, isOnline: boolean, version: number): void {
    const status = this.#users.get(channel);
    if (status === undefined) return;
    const isDoubtful = version < status.version || (status.isOnline && !isOnline);
    if (isDoubtful && status.version > UNCONFIRMED) status.version = UNCONFIRMED;
    else this.learn(channel, isOnline, version);
  }

  /** Sets a status that this node guesses while Redis is away. Any status of Redis that is not older replaces it. */
  guess(channel: string, isOnline: boolean): void {
    const status = this.#users.get(channel);
    if (status !== undefined) this.learn(channel, isOnline, status.version);
  }

  /** Sets the status of a user of whom nothing is known, until Redis tells one. */
  assume(channel: string, isOnline: boolean): void {
    if (this.#users.get(channel)?.version === UNKNOWN) this.learn(channel, isOnline, UNCONFIRMED);
  }

  /** Those of these channels whose users are watched and online. */
  online(channels: readonly string[]): ReadonlySet<string> {
    return new Set(channels.filter((channel) => this.#users.get(channel)?.isOnline));
  }

  /** The longest kept ones of those above the maximum. */
  #tooMany(): string[] {
    const tooMany: string[] = [];
    for (const channel of this.#kept.keys()) {
      if (this.#kept.size - tooMany.length <= this.#maximumKept) break;
      tooMany.push(channel);
    }
    return tooMany;
  }

  #forget(channels: readonly string[]): readonly string[] {
    for (const channel of channels) {
      this.#kept.delete(channel);
      this.#users.delete(channel);
    }
    return channels;
  }
}
