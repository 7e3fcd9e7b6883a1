import type { Clock, Timer } from '../../ports/clock.js';
import { CACHE_TTL_MS, type CachedEvent } from '../../ports/cluster.js';

const SWEEP_MS = 60_000;

/** What cache channels remember, whether anybody is subscribed or not. */
export class EventCache {
  readonly #events = new Map<string, CachedEvent>();
  #sweep: Timer | undefined;

  constructor(private readonly clock: Clock) {}

  get(channel: string): CachedEvent | undefined {
    const cached = this.#events.get(channel);
    return cached !== undefined && cached.expiresAt > this.clock.now() ? cached : undefined;
  }

  set(channel: string, event: string, data: string | undefined): void {
    this.#events.set(channel, { event, data, expiresAt: this.clock.now() + CACHE_TTL_MS });
    this.#scheduleSweep();
  }

  dispose(): void {
    this.#sweep?.cancel();
    this.#events.clear();
  }

  #scheduleSweep(): void {
    this.#sweep ??= this.clock.after(SWEEP_MS, () => {
      this.#sweep = undefined;
      const now = this.clock.now();
      for (const [channel, { expiresAt }] of this.#events) if (expiresAt <= now) this.#events.delete(channel);
      if (this.#events.size > 0) this.#scheduleSweep();
    });
  }
}
