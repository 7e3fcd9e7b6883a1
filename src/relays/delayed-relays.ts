import type { Clock, Timer } from '../ports/clock.js';
import type { Relay } from '../ports/relay.js';
import { Capacity } from './capacity.js';

/** How many relays, and how many bytes of payload, may wait in memory. 0 allows any number. */
export interface DelayBounds {
  readonly waitingRelays: number;
  readonly waitingBytes: number;
}

/** Holds relays with a `delayMs` in this process's memory until their time. They are lost when the process ends. */
export class DelayedRelays {
  readonly #clock: Clock;
  readonly #capacity: Capacity;
  readonly #send: (relay: Relay) => void;
  readonly #timers = new Map<Relay, Timer>();
  #isClosed = false;

  /** @param send sends a relay whose time has come. It gets the relay without its delay, and never throws. */
  constructor(clock: Clock, { waitingRelays, waitingBytes }: DelayBounds, send: (relay: Relay) => void) {
    this.#clock = clock;
    this.#capacity = new Capacity(waitingRelays, waitingBytes);
    this.#send = send;
  }

  /** How many relays wait. */
  get size(): number {
    return this.#timers.size;
  }

  /** @returns the reason why the relay cannot wait here; `undefined` where it waits */
  add(relay: Relay): string | undefined {
    if (this.#isClosed) return 'the application is closing';
    const { delayMs = 0, ...immediateRelay } = relay;
    const { recipients, payload } = relay;
    const bytes = payload?.bytes ?? 0;
    const refusal = this.#capacity.acquire(recipients.length, bytes);
    if (refusal !== undefined) return refusal;
    const timer = this.#clock.after(delayMs, () => {
      this.#timers.delete(relay);
      this.#capacity.release(recipients.length, bytes);
      this.#send(immediateRelay);
    });
    this.#timers.set(relay, timer);
    return undefined;
  }

  /** Takes no more relays. @returns the relays that were waiting; they are not sent any more */
  close(): readonly Relay[] {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) timer.cancel();
    const unsent = [...this.#timers.keys()];
    this.#timers.clear();
    return unsent;
  }
}
