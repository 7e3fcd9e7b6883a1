import type { HistoryRules } from '../../../history/history-rules.js';
import type { Timer } from '../../../ports/clock.js';
import type { ChannelMessage } from '../../../ports/cluster.js';
import type { Position } from '../../../ports/history.js';
import { type FeedParts, HistoryFeed } from './history-feed.js';

/** How often the logs of hosted channels are looked at, in milliseconds: Redis forgets a log that nobody asks about. */
const RENEW_MS = 10 * 60_000;

/** The feeds of the channels with history that this node has subscribers of. */
export class HistoryFeeds {
  readonly #rules: HistoryRules;
  readonly #parts: FeedParts;
  readonly #feeds = new Map<string, HistoryFeed>();
  #renewal: Timer | undefined;

  constructor(rules: HistoryRules, parts: FeedParts) {
    this.#rules = rules;
    this.#parts = parts;
  }

  /** Whether this node has subscribers of a channel, which has history. */
  has(channel: string): boolean {
    return this.#feeds.has(channel);
  }

  /** The position up to which everything is delivered; `undefined` where there is no feed, and while it is not known. */
  position(channel: string): Position | undefined {
    return this.#feeds.get(channel)?.position;
  }

  /**
   * Answers a subscription when the channel's position is known, or cannot be; at once on a channel without history. In a channel with
   * history its subscriber gets every event from then on.
   */
  joined(channel: string, answer: () => void): void {
    if (!this.#rules.covers(channel)) {
      answer();
      return;
    }
    const feed = this.#feedOf(channel);
    feed.whenKnown(() => {
      feed.answered();
      answer();
    });
  }

  /** The channel has no subscribers on this node any more, and perhaps it never heard the channel's bus. */
  left(channel: string): void {
    if (this.#feeds.get(channel)?.isListening === false) this.deaf(channel);
  }

  /** This node hears the bus of a channel from now on. */
  listening(channel: string): void {
    if (!this.#rules.covers(channel)) return;
    this.#feedOf(channel).listen();
    this.#renewLater();
  }

  /** This node does not hear the bus of a channel any more, because it has no subscribers. */
  deaf(channel: string): void {
    this.#feeds.get(channel)?.close();
    this.#feeds.delete(channel);
  }

  #feedOf(channel: string): HistoryFeed {
    const feed = this.#feeds.get(channel) ?? new HistoryFeed(channel, this.#parts);
    this.#feeds.set(channel, feed);
    return feed;
  }

  #renewLater(): void {
    this.#renewal ??= this.#parts.clock.after(RENEW_MS, () => void this.#renew());
  }

  /** One after the other: nobody waits for it. */
  async #renew(): Promise<void> {
    for (const feed of this.#feeds.values()) await feed.renew();
    this.#renewal = undefined;
    if (this.#feeds.size > 0) this.#renewLater();
  }

  /** An event of a channel with history, from any node. */
  heard(channel: string, message: ChannelMessage): void {
    this.#feeds.get(channel)?.heard(message);
  }

  /** An append of this node has failed, and may be in the log all the same. */
  doubt(channel: string): void {
    this.#feeds.get(channel)?.refresh();
  }

  /** Reads what is missing on every channel: messages may have been lost. */
  refreshAll(): void {
    for (const feed of this.#feeds.values()) feed.refresh();
  }

  close(): void {
    this.#renewal?.cancel();
    for (const feed of this.#feeds.values()) feed.close();
    this.#feeds.clear();
  }
}
