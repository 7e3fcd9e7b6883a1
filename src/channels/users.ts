import type { Session } from './session.js';

/** The sessions of each user who is signed in on this node, by the user's own channel. */
export class Users {
  readonly #sessions = new Map<string, Set<Session>>();

  /** The number of users. */
  get size(): number {
    return this.#sessions.size;
  }

  sessionsOf(userChannel: string): readonly Session[] {
    return [...(this.#sessions.get(userChannel) ?? [])];
  }

  add(session: Session, userChannel: string): void {
    const sessions = this.#sessions.get(userChannel);
    if (sessions === undefined) this.#sessions.set(userChannel, new Set([session]));
    else sessions.add(session);
  }

  remove(session: Session, userChannel: string): void {
    const sessions = this.#sessions.get(userChannel);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#sessions.delete(userChannel);
  }
}
