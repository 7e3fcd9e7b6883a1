import type { Pusher } from './pusher-browser.js';

interface Emitter {
  bind(event: string, handler: (data: never, metadata?: never) => void): unknown;
}

/** The callbacks of `pusher-js`, in order, for a test that waits for the next one. */
export class Heard<T> {
  readonly #arrived: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];

  push(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#arrived.push(item);
    else waiting(item);
  }

  next(): Promise<T> {
    const [item] = this.#arrived.splice(0, 1);
    return item === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(item);
  }

  /** The callbacks that have arrived and were not taken. */
  get untaken(): readonly T[] {
    return this.#arrived;
  }
}

/** An event as `pusher-js` hands it on. */
export interface PusherEvent {
  readonly event: string;
  readonly data: unknown;
  readonly userId?: string;
}

/** Collects some events of a channel, of the user or of the connection, in their order. */
export function hearing(emitter: Emitter, ...events: string[]): Heard<PusherEvent> {
  const heard = new Heard<PusherEvent>();
  for (const event of events) {
    emitter.bind(event, (data: unknown, metadata?: { user_id?: string }) => {
      const userId = metadata?.user_id;
      heard.push({ event, data, ...(userId !== undefined && { userId }) });
    });
  }
  return heard;
}

/** The states a connection goes through from now on. */
export function statesOf(pusher: Pusher): Heard<string> {
  const states = new Heard<string>();
  pusher.connection.bind('state_change', ({ current }: { current: string }) => {
    states.push(current);
  });
  return states;
}
