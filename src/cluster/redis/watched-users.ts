/** The version of a status that nobody knows yet. */
const UNKNOWN = -1;

interface Status {
  isOnline: boolean;
  /** Redis gives every change of the user's status a higher version than the one before. */
  version: number;
}

/** The users who are watched on this node, by their own channels, and whether they are online on any node. */
export class WatchedUsers {
  readonly #statusChanged: (channel: string, isOnline: boolean) => void;
  readonly #users = new Map<string, Status>();

  /** @param statusChanged called when a known status changes */
  constructor(statusChanged: (channel: string, isOnline: boolean) => void) {
    this.#statusChanged = statusChanged;
  }

  /** The channels of the watched users. */
  get channels(): readonly string[] {
    return [...this.#users.keys()];
  }

  /** Whether the status of a user is known. */
  isKnown(channel: string): boolean {
    return (this.#users.get(channel)?.version ?? UNKNOWN) !== UNKNOWN;
  }

  /** Watches users. Their status is not known yet, unless they are watched already. */
  add(channels: readonly string[]): void {
    for (const channel of channels) {
      if (!this.#users.has(channel)) this.#users.set(channel, { isOnline: false, version: UNKNOWN });
    }
  }

  /** Watches users no more. */
  delete(channels: readonly string[]): void {
    for (const channel of channels) this.#users.delete(channel);
  }

  /** Sets a status, unless a newer one is known. The first status is not a change: the caller asked for it. */
  learn(channel: string, isOnline: boolean, version: number): void {
    const status = this.#users.get(channel);
    if (status === undefined || version < status.version) return;
    const isChange = status.isOnline !== isOnline && status.version !== UNKNOWN;
    status.isOnline = isOnline;
    status.version = version;
    if (isChange) this.#statusChanged(channel, isOnline);
  }

  /** Sets a status that this node guesses while Redis is away. Any status of Redis that is not older replaces it. */
  guess(channel: string, isOnline: boolean): void {
    const status = this.#users.get(channel);
    if (status !== undefined) this.learn(channel, isOnline, status.version);
  }

  /** Those of these channels whose users are watched and online. */
  online(channels: readonly string[]): ReadonlySet<string> {
    return new Set(channels.filter((channel) => this.#users.get(channel)?.isOnline));
  }
}
