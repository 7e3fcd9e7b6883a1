import type { Clock, Timer } from '../ports/clock.js';
import { frame } from '../protocol/frame.js';
import type { Channel } from './channel.js';
import type { ChannelEventSource } from './channel-event-source.js';

/** Above so many subscribers the count is told at most every five seconds. Protocol section 3.12. */
const CROWD = 100;
const CROWD_INTERVAL_MS = 5_000;

/** Tells subscribers, and whoever listens in process, how many subscriptions a channel has. */
export class SubscriptionCounts {
  /** The crowded channels that were told a moment ago, and are told again when their timer ends. */
  readonly #told = new Map<Channel, Timer>();

  constructor(
    private readonly clock: Clock,
    private readonly events: ChannelEventSource,
  ) {}

  /** To be called after every change. Presence channels and users' own channels have no count. */
  changed(channel: Channel): void {
    if (channel.type.access === 'presence' || channel.type.access === 'user') return;
    if (this.#told.has(channel)) return;
    this.#tell(channel);
    if (channel.subscribers.size > CROWD) this.#rest(channel);
  }

  /** The channel is gone; another of its name is another one. */
  forget(channel: Channel): void {
    this.#told.get(channel)?.cancel();
    this.#told.delete(channel);
  }

  dispose(): void {
    for (const timer of this.#told.values()) timer.cancel();
    this.#told.clear();
  }

  #rest(channel: Channel): void {
    const count = channel.subscribers.size;
    const again = () => {
      this.#told.delete(channel);
      if (channel.subscribers.size !== count) this.changed(channel);
    };
    this.#told.set(channel, this.clock.after(CROWD_INTERVAL_MS, again));
  }

  #tell(channel: Channel): void {
    const count = channel.subscribers.size;
    const data = JSON.stringify({ subscription_count: count });
    channel.deliver(frame('pusher_internal:subscription_count', { channel: channel.name, data }));
    this.events.emit({ name: 'subscription_count', channel: channel.name, subscription_count: count });
  }
}
