import type { Timer } from '../../ports/clock.js';
import type { User } from '../../ports/user.js';

/** A member without a connection, whose grace period is running. */
export interface Leaving {
  readonly timer: Timer;
  /** Removes the member now. */
  readonly end: () => void;
}

/** One channel. It exists for as long as the channel is occupied, or a grace period of it is running. */
export class Occupancy {
  subscriptions = 0;
  /** The members, one for each user and not for each connection, in the order of their joins. Protocol section 3.6. */
  readonly roster = new Map<string, User>();
  /** The members whose grace period is running. */
  readonly leaving = new Map<string, Leaving>();
  /** Runs while the channel has no subscriptions and its grace period is not over. */
  vacating: Timer | undefined;
  /** Whether `cache_miss` was emitted for this channel since its last event. */
  isMissEmitted = false;

  /** Whether the channel has no subscriptions and no members. */
  get isVacant(): boolean {
    return this.subscriptions === 0 && this.roster.size === 0;
  }
}
