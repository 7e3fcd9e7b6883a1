import type { Clock, Timer } from '../../ports/clock.js';
import { CACHE_TTL_MS, type CachedEvent } from '../../ports/cluster.js';

/** How often expired events are removed. */
const SWEEP_MS = 60_000;

/** The last events of cache channels, whether a channel has subscribers or not. */
export class EventCache {
  readonly #clock: Clock;
  readonly #events = new Map<string, CachedEvent>();
  #sweep: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A channel's last event; `undefined` when there is none, or it has expired. */
  get(channel: string): CachedEvent | undefined {
    const cached = this.#events.get(channel);
    return cached !== undefined && cached.expiresAt > this.#clock.now() ? cached : undefined;
  }

  /** Remembers an event as the channel's last one. */
  set(channel: string, event: string, data: string | undefined): void {
    this.#events.set(channel, { event, data, expiresAt: this.#clock.now() + CACHE_TTL_MS });
    this.#scheduleSweep();
  }

  /** Forgets everything, and stops the timer. */
  dispose(): void {
    this.#sweep?.cancel();
    this.#events.clear();
  }

  #scheduleSweep(): void {
    this.#sweep ??= this.#clock.after(SWEEP_MS, () => {
      this.#sweep = undefined;
      const now = this.#clock.now();
      for (const [channel, { expiresAt }] of this.#events) if (expiresAt <= now) this.#events.delete(channel);
      if (this.#events.size > 0) this.#scheduleSweep();
    });
  }
}
