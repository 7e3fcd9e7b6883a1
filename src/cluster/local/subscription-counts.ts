import type { Clock, Timer } from '../../ports/clock.js';
import { channelType } from '../../protocol/channel-name.js';
import { LARGE_CHANNEL, LARGE_CHANNEL_INTERVAL_MS } from '../crowd.js';

/** Tells how many subscriptions a channel has whenever that changes; of crowded ones less often. */
export class SubscriptionCounts {
  /** The crowded channels that were told a moment ago, and are told again when their timer ends. */
  readonly #told = new Map<string, { readonly timer: Timer; count: number }>();

  constructor(
    private readonly clock: Clock,
    private readonly tell: (channel: string, count: number) => void,
  ) {}

  /** To be called after every change. Presence channels and users' own channels have no count. */
  changed(channel: string, count: number): void {
    const { access } = channelType(channel);
    if (access === 'presence' || access === 'user') return;
    const told = this.#told.get(channel);
    if (told !== undefined) {
      told.count = count;
      return;
    }
    this.tell(channel, count);
    if (count > LARGE_CHANNEL) this.#rest(channel, count);
  }

  /** The channel is gone; another of its name is another one. */
  forget(channel: string): void {
    this.#told.get(channel)?.timer.cancel();
    this.#told.delete(channel);
  }

  dispose(): void {
    for (const { timer } of this.#told.values()) timer.cancel();
    this.#told.clear();
  }

  #rest(channel: string, count: number): void {
    const resting = {
      count,
      timer: this.clock.after(LARGE_CHANNEL_INTERVAL_MS, () => {
        this.#told.delete(channel);
        if (resting.count !== count) this.changed(channel, resting.count);
      }),
    };
    this.#told.set(channel, resting);
  }
}
