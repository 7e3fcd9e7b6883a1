import type { Session } from './session.js';

/** The sessions of each user who is signed in on this node. */
export class Users {
  readonly #sessions = new Map<string, Set<Session>>();

  /** The number of users. */
  get size(): number {
    return this.#sessions.size;
  }

  sessionsOf(userId: string): readonly Session[] {
    return [...(this.#sessions.get(userId) ?? [])];
  }

  add(session: Session, userId: string): void {
    const sessions = this.#sessions.get(userId);
    if (sessions === undefined) this.#sessions.set(userId, new Set([session]));
    else sessions.add(session);
  }

  remove(session: Session, userId: string): void {
    const sessions = this.#sessions.get(userId);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#sessions.delete(userId);
  }
}
