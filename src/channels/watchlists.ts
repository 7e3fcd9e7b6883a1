import type { Cluster } from '../ports/cluster.js';
import { userChannel } from '../protocol/channel-name.js';
import { type Frame, frame } from '../protocol/frame.js';
import { EMPTY_WATCHLIST, type Session } from './session.js';

/** A user who is watched, and the sessions that are told when the user comes online or goes offline. */
interface WatchedUser {
  readonly id: string;
  readonly watchers: Set<Session>;
}

/** The users whom the sessions of this node watch, by their own channels. Protocol section 3.8. */
export class Watchlists {
  readonly #cluster: Cluster;
  readonly #watched = new Map<string, WatchedUser>();

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
    const channels = userIds.map(userChannel);
    for (const [index, id] of userIds.entries()) {
      const channel = channels[index] ?? '';
      const watched = this.#watched.get(channel);
      if (watched === undefined) this.#watched.set(channel, { id, watchers: new Set([session]) });
      else watched.watchers.add(session);
    }
    const resume = session.defer();
    this.#cluster.watch(channels, (online) => {
      // The session may be closed by now.
      if (session.watchlist === userIds) {
        const isOnline = (_id: string, index: number) => online.has(channels[index] ?? '');
        const offline = userIds.filter((id, index) => !isOnline(id, index));
        session.connection.send(watchlistEvents(userIds.filter(isOnline), offline));
        onSent();
      }
      resume();
    });
  }

  unwatch(session: Session): void {
    const unwatched: string[] = [];
    for (const channel of session.watchlist.map(userChannel)) {
      const watched = this.#watched.get(channel);
      watched?.watchers.delete(session);
      if (watched?.watchers.size === 0) {
        this.#watched.delete(channel);
        unwatched.push(channel);
      }
    }
    session.watchlist = EMPTY_WATCHLIST;
    if (unwatched.length > 0) this.#cluster.unwatch(unwatched);
  }

  /** Sends the user's new status to every session that watches the user. */
  statusChanged(channel: string, isOnline: boolean): void {
    const watched = this.#watched.get(channel);
    if (watched === undefined) return;
    const events = isOnline ? watchlistEvents([watched.id], []) : watchlistEvents([], [watched.id]);
    for (const session of watched.watchers) session.connection.send(events);
  }
}

function watchlistEvents(online: readonly string[], offline: readonly string[]): Frame {
  const events = [
    { name: 'online', user_ids: online },
    { name: 'offline', user_ids: offline },
  ].filter(({ user_ids: ids }) => ids.length > 0);
  return frame('pusher_internal:watchlist_events', { data: JSON.stringify({ events }) });
}
