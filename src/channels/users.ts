import type { Session } from './session.js';

/** Which sessions each signed-in user has. */
export class Users {
  readonly #sessions = new Map<string, Set<Session>>();

  /** A user is online while signed in on at least one connection. Protocol section 3.8. */
  isOnline(userId: string): boolean {
    return this.#sessions.has(userId);
  }

  sessionsOf(userId: string): readonly Session[] {
    return [...(this.#sessions.get(userId) ?? [])];
  }

  /** @returns whether the user came online with it */
  add(session: Session, userId: string): boolean {
    const sessions = this.#sessions.get(userId);
    if (sessions === undefined) this.#sessions.set(userId, new Set([session]));
    else sessions.add(session);
    return sessions === undefined;
  }

  /** @returns whether the user went offline with it */
  remove(session: Session, userId: string): boolean {
    const sessions = this.#sessions.get(userId);
    sessions?.delete(session);
    return sessions?.size === 0 && this.#sessions.delete(userId);
  }
}
