import type { PendingRelay } from './pending-relay.js';

/**
 * How a lane treats its relays:
 *
 * - `flowing`: each relay is attempted at once.
 * - `blocked`: relays wait, for an attempt under way to end or for the circuit breaker to close. Then the next attempt is made
 *   at once, without a delay.
 * - `backing-off`: an attempt has failed, and the next one is made at {@link Lane.retryAt}.
 *
 * A blocked lane ends when nothing waits in it and nothing is under way. The next relay gets a new lane.
 */
type LaneState = 'flowing' | 'blocked' | 'backing-off';

/** All relays under way or waiting for one member or one channel, in the order of their calls. */
export class Lane {
  readonly key: string;
  /** The member id or the channel's name. */
  readonly recipient: string;
  readonly #waiting: PendingRelay[] = [];
  #state: LaneState = 'flowing';
  #inFlight = 0;
  #failures = 0;
  #retryAt = 0;

  constructor(key: string, recipient: string) {
    this.key = key;
    this.recipient = recipient;
  }

  get isFlowing(): boolean {
    return this.#state === 'flowing';
  }

  get isBackingOff(): boolean {
    return this.#state === 'backing-off';
  }

  /** Whether no attempt is under way. */
  get isIdle(): boolean {
    return this.#inFlight === 0;
  }

  /** The first relay that waits. */
  get first(): PendingRelay | undefined {
    return this.#waiting[0];
  }

  /** Failed attempts in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** When the waiting relays may be attempted, on the clock's {@link Clock.now}. */
  get retryAt(): number {
    return this.#retryAt;
  }

  startAttempt(): void {
    this.#inFlight++;
  }

  endAttempt(isAccepted: boolean): void {
    this.#inFlight--;
    if (isAccepted) this.#failures = 0;
  }

  /** Makes a relay wait, at its place in the order of the calls. Later relays wait behind it. */
  insert(pending: PendingRelay): void {
    if (this.#state === 'flowing') this.#state = 'blocked';
    const waiting = this.#waiting;
    let place = waiting.length;
    while (place > 0 && (waiting[place - 1]?.number ?? 0) > pending.number) place--;
    waiting.splice(place, 0, pending);
  }

  backOff(retryAt: number): void {
    this.#state = 'backing-off';
    this.#failures++;
    this.#retryAt = retryAt;
  }

  /** Makes the lane due at this time, unless it is due earlier. */
  hurry(time: number): void {
    this.#retryAt = Math.min(this.#retryAt, time);
  }

  /** Takes out the first relay, which is not attempted any more. */
  removeFirst(): void {
    this.#waiting.shift();
  }

  /** Takes out the first relays for an attempt, so many at most. */
  take(most: number): readonly PendingRelay[] {
    this.#state = 'blocked';
    return this.#waiting.splice(0, most);
  }
}

export function recipientsOf(lanes: readonly Lane[]): readonly string[] {
  return lanes.map(({ recipient }) => recipient);
}

/** The lanes of these recipients. */
export function lanesTo(recipients: readonly string[], lanes: readonly Lane[]): readonly Lane[] {
  const wanted = new Set(recipients);
  return lanes.filter(({ recipient }) => wanted.has(recipient));
}
