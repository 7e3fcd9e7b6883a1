import type { Cluster } from '../ports/cluster.js';
import { type Frame, frame } from '../protocol/frame.js';
import { EMPTY_WATCHLIST, type Session } from './session.js';

/** The sessions that watch each user: they are told when the user comes online or goes offline. Protocol section 3.8. */
export class Watchlists {
  readonly #cluster: Cluster;
  readonly #watchers = new Map<string, Set<Session>>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /**
   * Replaces the session's watchlist, and sends the session the status of every user on it.
   *
   * @param onSent called once the status is sent, at once for an empty list, and never when the session is closed by then
   */
  watch(session: Session, userIds: readonly string[], onSent: () => void): void {
    this.unwatch(session);
    session.watchlist = userIds;
    if (userIds.length === 0) {
      onSent();
      return;
    }
    for (const userId of userIds) {
      const watchers = this.#watchers.get(userId);
      if (watchers === undefined) this.#watchers.set(userId, new Set([session]));
      else watchers.add(session);
    }
    const resume = session.defer();
    this.#cluster.watch(userIds, (online) => {
      // The session may be closed by now.
      if (session.watchlist === userIds) {
        const offline = userIds.filter((userId) => !online.has(userId));
        session.connection.send(watchlistEvents([...online], offline));
        onSent();
      }
      resume();
    });
  }

  unwatch(session: Session): void {
    const unwatched: string[] = [];
    for (const userId of session.watchlist) {
      const watchers = this.#watchers.get(userId);
      watchers?.delete(session);
      if (watchers?.size === 0) {
        this.#watchers.delete(userId);
        unwatched.push(userId);
      }
    }
    session.watchlist = EMPTY_WATCHLIST;
    if (unwatched.length > 0) this.#cluster.unwatch(unwatched);
  }

  /** Sends the user's new status to every session that watches the user. */
  statusChanged(userId: string, isOnline: boolean): void {
    const watchers = this.#watchers.get(userId);
    if (watchers === undefined) return;
    const events = isOnline ? watchlistEvents([userId], []) : watchlistEvents([], [userId]);
    for (const session of watchers) session.connection.send(events);
  }
}

function watchlistEvents(online: readonly string[], offline: readonly string[]): Frame {
  const events = [
    { name: 'online', user_ids: online },
    { name: 'offline', user_ids: offline },
  ].filter(({ user_ids: ids }) => ids.length > 0);
  return frame('pusher_internal:watchlist_events', { data: JSON.stringify({ events }) });
}
