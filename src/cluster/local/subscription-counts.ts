import type { Clock, Timer } from '../../ports/clock.js';
import { LARGE_CHANNEL_COUNT_INTERVAL_MS, LARGE_CHANNEL_SUBSCRIPTIONS } from '../../ports/limits.js';
import { channelType } from '../../protocol/channel-name.js';

/** Announces how many subscriptions a channel has: after every change, and less often on large channels. */
export class SubscriptionCounts {
  readonly #clock: Clock;
  readonly #announce: (channel: string, count: number) => void;
  /** The large channels that were announced a moment ago, with their counts now. They are announced again after the timer. */
  readonly #resting = new Map<string, { readonly timer: Timer; count: number }>();

  constructor(clock: Clock, announce: (channel: string, count: number) => void) {
    this.#clock = clock;
    this.#announce = announce;
  }

  /** To be called after every change. The counts of presence channels and of users' own channels are not announced. */
  changed(channel: string, count: number): void {
    const { access } = channelType(channel);
    if (access === 'presence' || access === 'user') return;
    const resting = this.#resting.get(channel);
    if (resting !== undefined) {
      resting.count = count;
      return;
    }
    this.#announce(channel, count);
    if (count > LARGE_CHANNEL_SUBSCRIPTIONS) this.#rest(channel, count);
  }

  /** The channel is vacated. A later channel of that name begins anew. */
  forget(channel: string): void {
    this.#resting.get(channel)?.timer.cancel();
    this.#resting.delete(channel);
  }

  /** Stops every timer. */
  dispose(): void {
    for (const { timer } of this.#resting.values()) timer.cancel();
    this.#resting.clear();
  }

  #rest(channel: string, count: number): void {
    const resting = {
      count,
      timer: this.#clock.after(LARGE_CHANNEL_COUNT_INTERVAL_MS, () => {
        this.#resting.delete(channel);
        if (resting.count !== count) this.changed(channel, resting.count);
      }),
    };
    this.#resting.set(channel, resting);
  }
}
