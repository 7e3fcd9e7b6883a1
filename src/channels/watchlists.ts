import type { Clock } from '../ports/clock.js';
import type { Cluster } from '../ports/cluster.js';
import type { GatewayLimits } from '../ports/socket-config.js';
import { userChannel } from '../protocol/channel-name.js';
import { type Frame, frame } from '../protocol/frame.js';
import { EMPTY_WATCHLIST, type Session } from './session.js';
import { WatchlistRate } from './watchlist-rate.js';

/** A user who is watched, and the sessions that are told when the user comes online or goes offline. */
interface WatchedUser {
  readonly id: string;
  readonly watchers: Set<Session>;
}

/** The users whom the sessions of this node watch, by their own channels. Protocol section 3.8. */
export class Watchlists {
  readonly #cluster: Cluster;
  readonly #rate: WatchlistRate;
  readonly #watched = new Map<string, WatchedUser>();

  constructor(
    cluster: Cluster,
    clock: Clock,
    { watchlistsPerSecond }: Pick<GatewayLimits, 'watchlistsPerSecond'>,
  ) {
    this.#cluster = cluster;
    this.#rate = new WatchlistRate(clock, watchlistsPerSecond);
  }

  /**
   * Replaces the session's watchlist, and sends the session the status of every user on it.
   *
   * @param memberId the member whom the session is signed in as
   * @param onSent called once the status is sent, at once for an empty list, and never when the session is closed by then
   */
  watch(session: Session, memberId: string, userIds: readonly string[], onSent: () => void): void {
    if (userIds.length === 0) {
      this.unwatch(session);
      onSent();
      return;
    }
    const channels = userIds.map(userChannel);
    const isNew = () => channels.some((channel) => !this.#watched.has(channel));
    // The client's later messages wait, so a session has one watchlist under way.
    const resume = session.defer();
    this.#rate.take(memberId, isNew, () => {
      if (session.isClosed) return;
      this.#replace(session, userIds, channels);
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
    });
  }

  unwatch(session: Session): void {
    const { watchlist } = session;
    session.watchlist = EMPTY_WATCHLIST;
    this.#remove(session, watchlist.map(userChannel));
  }

  /** Users on both lists stay watched in between. */
  #replace(session: Session, userIds: readonly string[], channels: readonly string[]): void {
    for (const [index, id] of userIds.entries()) {
      const channel = channels[index] ?? '';
      const watched = this.#watched.get(channel);
      if (watched === undefined) this.#watched.set(channel, { id, watchers: new Set([session]) });
      else watched.watchers.add(session);
    }
    const wanted = new Set(channels);
    const removed = session.watchlist.map(userChannel).filter((channel) => !wanted.has(channel));
    session.watchlist = userIds;
    this.#remove(session, removed);
  }

  #remove(session: Session, channels: readonly string[]): void {
    const unwatched: string[] = [];
    for (const channel of channels) {
      const watched = this.#watched.get(channel);
      watched?.watchers.delete(session);
      if (watched?.watchers.size === 0) {
        this.#watched.delete(channel);
        unwatched.push(channel);
      }
    }
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
