import type { Relay } from '../../ports/relay.js';

/** An order on its way, to whom it has not come to an end yet. */
export class PendingRelay {
  /** Addressees to whom it has neither arrived nor is lost. */
  unsettled: number;
  attempts = 0;
  /** Whether it waits, or is tried again: it takes room until it is settled. */
  isStored = false;
  /** Whether its call was answered with `queued`, so that its end has to be told otherwise. */
  isAnswered = false;
  /** Whether it is lost to somebody, and whether that was told. */
  isLost = false;
  isTold = false;
  /** Why it was not taken the last time. */
  lastError: Error | undefined;

  constructor(
    readonly relay: Relay,
    /** Its place among all of them. */
    readonly number: number,
    /** When it is given up, on the clock's {@link Clock.now}. */
    readonly deadline: number,
  ) {
    this.unsettled = relay.recipients.length;
  }

  /** What it takes while it waits, however many it is for. */
  get bytes(): number {
    const { payload, event = '' } = this.relay;
    return (payload?.bytes ?? 0) + event.length;
  }
}

/** All that is on its way to one member or one channel, in the order of the calls. */
export class Lane {
  /** What has failed, and what came after. */
  readonly waiting: PendingRelay[] = [];
  /** How many calls of the port are under way. */
  inFlight = 0;
  /** Whether something has failed, so that what comes has to wait, until nothing waits and nothing is under way. */
  isBlocked = false;
  /** How often in a row it has failed. */
  failures = 0;
  /** When what waits is tried again. */
  dueAt = 0;
  /** Whether {@link dueAt} was put off since it was tried the last time: what was tried together fails once. */
  isPutOff = false;

  constructor(
    readonly key: string,
    /** The member or channel. */
    readonly to: string,
  ) {}

  /** Takes one in, at its place. */
  insert(pending: PendingRelay): void {
    const { waiting } = this;
    let place = waiting.length;
    while (place > 0 && (waiting[place - 1]?.number ?? 0) > pending.number) place--;
    waiting.splice(place, 0, pending);
  }
}
