import type { Clock, Timer } from '../../../ports/clock.js';
import type { Dispatch, Post } from './dispatch.js';

/** How many calls may wait behind others at a time, over all channels. More are refused at once. */
export const MAX_WAITING = 10_000;

/** The deliveries that wait behind others, and how long they may. */
export class WaitingPosts {
  /** In the order of their calls, so the first is the first that is too late. */
  readonly #posts = new Set<Post>();
  /** How many deliveries of each call wait. */
  readonly #calls = new Map<Dispatch, number>();
  readonly #clock: Clock;
  readonly #onLate: (post: Post) => void;
  #timer: Timer | undefined;

  /** @param onLate told of each that has waited too long; it is not among these any more then */
  constructor(clock: Clock, onLate: (post: Post) => void) {
    this.#clock = clock;
    this.#onLate = onLate;
  }

  /** @returns whether there was room for it */
  add(post: Post): boolean {
    const { dispatch } = post;
    const ofCall = this.#calls.get(dispatch) ?? 0;
    if (ofCall === 0 && this.#calls.size >= MAX_WAITING) return false;
    this.#calls.set(dispatch, ofCall + 1);
    this.#posts.add(post);
    return true;
  }

  /** Forgets one whose turn has come; nothing happens when it did not wait. */
  delete(post: Post): void {
    if (!this.#posts.delete(post)) return;
    const { dispatch } = post;
    const left = (this.#calls.get(dispatch) ?? 0) - 1;
    if (left > 0) this.#calls.set(dispatch, left);
    else this.#calls.delete(dispatch);
    if (this.#posts.size === 0) this.#stopWatching();
  }

  /** Gives up what has waited too long by now. */
  giveUpLateOnes(): void {
    const now = this.#clock.now();
    for (const post of this.#posts) {
      if (post.dispatch.startBy > now) return;
      this.delete(post);
      this.#onLate(post);
    }
  }

  /** Watches over the time of those whose {@link Dispatch.startBy} is known. */
  watch(): void {
    const [first] = this.#posts;
    if (first === undefined || first.dispatch.startBy === Infinity || this.#timer !== undefined) return;
    // Timers may be early by a part of a millisecond.
    const milliseconds = Math.max(0, first.dispatch.startBy - this.#clock.now()) + 1;
    this.#timer = this.#clock.after(milliseconds, () => {
      this.#stopWatching();
      this.giveUpLateOnes();
      this.watch();
    });
  }

  #stopWatching(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
