import type { Clock, Timer } from '../../../ports/clock.js';
import type { Dispatch, Post } from './dispatch.js';

/** The most relays that may wait behind others at a time, over all channels. Further ones fail at once. */
export const MAX_WAITING_RELAYS = 10_000;

/** The posts that wait behind others, with a limit on their number and on their time. */
export class WaitingPosts {
  /** In the order of the calls, so the first one expires first. */
  readonly #posts = new Set<Post>();
  /** The number of waiting posts of each dispatch. */
  readonly #dispatches = new Map<Dispatch, number>();
  readonly #clock: Clock;
  readonly #onExpired: (post: Post) => void;
  #timer: Timer | undefined;

  /** @param onExpired called with each post that has waited too long, after it was removed */
  constructor(clock: Clock, onExpired: (post: Post) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  /** @returns whether there was room for it */
  add(post: Post): boolean {
    const { dispatch } = post;
    const count = this.#dispatches.get(dispatch) ?? 0;
    if (count === 0 && this.#dispatches.size >= MAX_WAITING_RELAYS) return false;
    this.#dispatches.set(dispatch, count + 1);
    this.#posts.add(post);
    return true;
  }

  /** Removes a post that is sent or has failed. Does nothing when it does not wait. */
  delete(post: Post): void {
    if (!this.#posts.delete(post)) return;
    const { dispatch } = post;
    const left = (this.#dispatches.get(dispatch) ?? 0) - 1;
    if (left > 0) this.#dispatches.set(dispatch, left);
    else this.#dispatches.delete(dispatch);
    if (this.#posts.size === 0) this.#stopWatching();
  }

  /** Removes the posts that have waited too long. */
  expire(): void {
    const now = this.#clock.now();
    for (const post of this.#posts) {
      if (post.dispatch.startBy > now) return;
      this.delete(post);
      this.#onExpired(post);
    }
  }

  /** Starts a timer for the first post whose {@link Dispatch.startBy} is set. */
  watch(): void {
    const [first] = this.#posts;
    if (first === undefined || first.dispatch.startBy === Infinity || this.#timer !== undefined) return;
    // Timers may fire a fraction of a millisecond early.
    const milliseconds = Math.max(0, first.dispatch.startBy - this.#clock.now()) + 1;
    this.#timer = this.#clock.after(milliseconds, () => {
      this.#stopWatching();
      this.expire();
      this.watch();
    });
  }

  #stopWatching(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
