import type { Clock, Timer } from '../ports/clock.js';
import type { Relay } from '../ports/relay.js';
import { Capacity } from './capacity.js';

/** How much may wait in memory. 0 allows any number. */
export interface DelayBounds {
  readonly waitingRelays: number;
  readonly waitingBytes: number;
}

/** Orders that were asked for later, in this process's memory: they end with it. */
export class DelayedRelays {
  readonly #room: Capacity;
  readonly #timers = new Map<Relay, Timer>();
  #isClosed = false;

  /** @param send does what is due, and never throws */
  constructor(
    private readonly clock: Clock,
    { waitingRelays, waitingBytes }: DelayBounds,
    private readonly send: (relay: Relay) => void,
  ) {
    this.#room = new Capacity(waitingRelays, waitingBytes);
  }

  /** How many orders wait for their time. */
  get size(): number {
    return this.#timers.size;
  }

  /** @returns why it cannot be held */
  hold(relay: Relay, delayMs: number): string | undefined {
    if (this.#isClosed) return 'the application ends';
    const { to, payload } = relay;
    const bytes = payload?.bytes ?? 0;
    const refusal = this.#room.take(to.length, bytes);
    if (refusal !== undefined) return refusal;
    const timer = this.clock.after(delayMs, () => {
      this.#timers.delete(relay);
      this.#room.leave(to.length, bytes);
      this.send(relay);
    });
    this.#timers.set(relay, timer);
    return undefined;
  }

  /** Forgets everything, and takes nothing more. What is handed back is not going to be sent. */
  close(): Relay[] {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) timer.cancel();
    const left = [...this.#timers.keys()];
    this.#timers.clear();
    return left;
  }
}
