import type { Clock, Timer } from '../ports/clock.js';
import { CODES, ProtocolError } from '../protocol/codes.js';
import type { ChannelSettings } from './channel-settings.js';
import type { Subscriber } from './connection.js';
import type { User } from './user.js';

interface Member {
  user: User;
  readonly sessions: Set<Subscriber>;
  /** Runs while the member has no connection left but may be reloading the page. */
  leaving: { readonly timer: Timer; readonly remove: () => void } | undefined;
}

/**
 * Who is present on one channel, counted per user and not per connection. Protocol section 3.6: a user joins with the
 * first connection and leaves after the last.
 */
export class PresenceRoster {
  readonly #members = new Map<string, Member>();
  readonly #userOf = new Map<Subscriber, string>();

  constructor(
    private readonly clock: Clock,
    private readonly settings: ChannelSettings,
  ) {}

  get size(): number {
    return this.#members.size;
  }

  userIds(): string[] {
    return [...this.#members.keys()];
  }

  /** Under which user a connection is present. */
  userOf(session: Subscriber): string | undefined {
    return this.#userOf.get(session);
  }

  /**
   * Adds a connection of a user.
   *
   * @returns whether the user was not present before
   * @throws ProtocolError when the roster is full; a further connection of a present user is always admitted
   */
  join(session: Subscriber, user: User): boolean {
    const present = this.#members.get(user.id);
    const maximum = this.settings.presenceMembers;
    if (present === undefined && maximum !== 0 && this.#members.size >= maximum) {
      throw new ProtocolError(
        CODES.UNAUTHORIZED,
        `The presence channel is full: ${maximum} members are allowed`,
      );
    }
    const member = present ?? { user, sessions: new Set(), leaving: undefined };
    member.leaving?.timer.cancel();
    member.leaving = undefined;
    member.user = user;
    member.sessions.add(session);
    this.#members.set(user.id, member);
    this.#userOf.set(session, user.id);
    return present === undefined;
  }

  /**
   * Removes a connection. Calls `left` once its user is gone: at once when the leave is deliberate, else after the grace
   * period, and not at all when the user comes back within it.
   */
  leave(session: Subscriber, deliberate: boolean, left: (userId: string) => void): void {
    const userId = this.#userOf.get(session);
    const member = userId === undefined ? undefined : this.#members.get(userId);
    if (userId === undefined || member === undefined) return;
    this.#userOf.delete(session);
    member.sessions.delete(session);
    if (member.sessions.size > 0) return;
    const remove = () => {
      this.#members.delete(userId);
      left(userId);
    };
    if (deliberate || this.settings.presenceGraceMs === 0) remove();
    else member.leaving = { timer: this.clock.after(this.settings.presenceGraceMs, remove), remove };
  }

  /** Lets everybody go at once who may have come back. */
  endGrace(): void {
    for (const { leaving } of [...this.#members.values()]) {
      leaving?.timer.cancel();
      leaving?.remove();
    }
  }

  /** The roster as `subscription_succeeded` carries it. */
  toJson(): string {
    const ids = this.userIds();
    // fromEntries defines properties where assignment would call a setter: "__proto__" is an id like any other.
    const hash = Object.fromEntries([...this.#members].map(([id, { user }]) => [id, user.info ?? null]));
    return JSON.stringify({ presence: { ids, hash, count: ids.length } });
  }
}
