import type { Clock, Timer } from '../ports/clock.js';
import type { Relay } from '../ports/relay.js';
import { type CallContext, currentContext } from './call-context.js';
import { Capacity } from './capacity.js';

/** How many relays, and how many bytes of payload, may wait in memory. 0 allows any number. */
export interface DelayBounds {
  readonly waitingRelays: number;
  readonly waitingBytes: number;
}

/** A relay that waits for its time. */
interface DelayedRelay {
  readonly timer: Timer;
  readonly inContext: CallContext;
}

/** Holds relays with a `delayMs` in this process's memory until their time. They are lost when the process ends. */
export class DelayedRelays {
  readonly #clock: Clock;
  readonly #capacity: Capacity;
  readonly #send: (relay: Relay) => void;
  readonly #waiting = new Map<Relay, DelayedRelay>();
  #isClosed = false;

  /** @param send sends a relay whose time has come. It gets the relay without its delay, and never throws. */
  constructor(clock: Clock, { waitingRelays, waitingBytes }: DelayBounds, send: (relay: Relay) => void) {
    this.#clock = clock;
    this.#capacity = new Capacity(waitingRelays, waitingBytes);
    this.#send = send;
  }

  /** How many relays wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** @returns the reason why the relay cannot wait here; `undefined` where it waits */
  add(relay: Relay): string | undefined {
    if (this.#isClosed) return 'the application is closing';
    const { delayMs = 0, ...immediateRelay } = relay;
    const { recipients, payload } = relay;
    const bytes = payload?.bytes ?? 0;
    const refusal = this.#capacity.acquire(recipients.length, bytes);
    if (refusal !== undefined) return refusal;
    const inContext = currentContext();
    const timer = this.#clock.after(delayMs, () => {
      this.#waiting.delete(relay);
      this.#capacity.release(recipients.length, bytes);
      inContext(() => {
        this.#send(immediateRelay);
      });
    });
    this.#waiting.set(relay, { timer, inContext });
    return undefined;
  }

  /** Takes no more relays. @param lose called for each relay that was waiting; it is not sent any more */
  close(lose: (relay: Relay) => void): void {
    this.#isClosed = true;
    const unsent = [...this.#waiting];
    this.#waiting.clear();
    for (const [relay, { timer, inContext }] of unsent) {
      timer.cancel();
      inContext(() => {
        lose(relay);
      });
    }
  }
}
