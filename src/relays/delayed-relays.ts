import type { Clock, Timer } from '../ports/clock.js';
import type { Order } from '../ports/relay.js';
import { WaitingRoom } from './capacity.js';

/** How much may wait in memory. 0 allows any number. */
export interface PostponedBounds {
  readonly waitingRelays: number;
  readonly waitingBytes: number;
}

/** Orders that were asked for later, in this process's memory: they end with it. */
export class Postponed {
  readonly #room: WaitingRoom;
  readonly #timers = new Map<Order, Timer>();
  #isClosed = false;

  /** @param send does what is due, and never throws */
  constructor(
    private readonly clock: Clock,
    { waitingRelays, waitingBytes }: PostponedBounds,
    private readonly send: (order: Order) => void,
  ) {
    this.#room = new WaitingRoom(waitingRelays, waitingBytes);
  }

  /** How many orders wait for their time. */
  get size(): number {
    return this.#timers.size;
  }

  /** @returns why it cannot be held */
  hold(order: Order, delayMs: number): string | undefined {
    if (this.#isClosed) return 'the application ends';
    const { to, payload } = order;
    const bytes = payload?.bytes ?? 0;
    const refusal = this.#room.take(to.length, bytes);
    if (refusal !== undefined) return refusal;
    const timer = this.clock.after(delayMs, () => {
      this.#timers.delete(order);
      this.#room.leave(to.length, bytes);
      this.send(order);
    });
    this.#timers.set(order, timer);
    return undefined;
  }

  /** Forgets everything, and takes nothing more. What is handed back is not going to be sent. */
  close(): Order[] {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) timer.cancel();
    const left = [...this.#timers.keys()];
    this.#timers.clear();
    return left;
  }
}
