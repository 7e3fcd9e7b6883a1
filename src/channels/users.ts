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

  add(session: Session, userId: string): void {
    const sessions = this.#sessions.get(userId);
    if (sessions === undefined) this.#sessions.set(userId, new Set([session]));
    else sessions.add(session);
  }

  remove(session: Session): void {
    if (session.user === undefined) return;
    const sessions = this.#sessions.get(session.user.id);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#sessions.delete(session.user.id);
  }
}
