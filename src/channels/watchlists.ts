import type { Cluster } from '../ports/cluster.js';
import { frame, type Frame } from '../protocol/frame.js';
import { NOBODY, type Session } from './session.js';

/** Who wants to know when whom comes online or goes offline. Protocol section 3.8. */
export class Watchlists {
  readonly #cluster: Cluster;
  readonly #watchers = new Map<string, Set<Session>>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Starts to watch, in place of what the session watched before, and tells who is online and who is not. */
  watch(session: Session, userIds: readonly string[], told: () => void): void {
    this.unwatch(session);
    session.watchlist = userIds;
    if (userIds.length === 0) {
      told();
      return;
    }
    for (const userId of userIds) {
      const watchers = this.#watchers.get(userId);
      if (watchers === undefined) this.#watchers.set(userId, new Set([session]));
      else watchers.add(session);
    }
    const answered = session.wait();
    this.#cluster.watch(userIds, (online) => {
      // It may have gone meanwhile.
      if (session.watchlist === userIds) {
        const offline = userIds.filter((userId) => !online.has(userId));
        session.connection.send(watchlistEvents([...online], offline));
        told();
      }
      answered();
    });
  }

  unwatch(session: Session): void {
    const forgotten: string[] = [];
    for (const userId of session.watchlist) {
      const watchers = this.#watchers.get(userId);
      watchers?.delete(session);
      if (watchers?.size === 0) {
        this.#watchers.delete(userId);
        forgotten.push(userId);
      }
    }
    session.watchlist = NOBODY;
    if (forgotten.length > 0) this.#cluster.unwatch(forgotten);
  }

  /** Tells whoever watches the user. */
  changed(userId: string, isOnline: boolean): void {
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
