import type { Emitter, PusherLike } from './pusher-like.js';

/** An event of a watchlist, as `pusher-js` hands it to its handlers. */
interface WatchlistEvent {
  user_ids: readonly string[];
}

/** The part of the `user` of `pusher-js` that tells of watched members. */
interface WatchingUser extends Emitter {
  /** The signin's `user_data`; `null` before the signin. */
  readonly user_data: {
    readonly watchlist?: readonly string[];
    readonly member?: { readonly watchlist?: readonly string[] };
  } | null;
  readonly watchlist: { bind_global(handler: (event: string, data: WatchlistEvent) => void): unknown };
}

/**
 * Gives the handlers of `pusher.user.watchlist` the application's own ids. Hosted Pusher names members by the wire form of their
 * ids. The signed `user_data` has both, in one order. The gateway of this package sends the own ids itself.
 */
export function restoreWatchedIds({ user }: PusherLike): void {
  if (!isWatching(user)) return;
  // Global handlers are called before all others, so those get what this one has written.
  user.watchlist.bind_global((_event, data) => {
    const { watchlist = [], member } = user.user_data ?? {};
    const own = new Map(watchlist.map((wireId, index) => [wireId, member?.watchlist?.[index] ?? wireId]));
    data.user_ids = data.user_ids.map((id) => own.get(id) ?? id);
  });
}

function isWatching(user: Emitter): user is WatchingUser {
  return 'watchlist' in user && typeof user.watchlist === 'object';
}
