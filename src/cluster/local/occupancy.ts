import type { Timer } from '../../ports/clock.js';
import type { User } from '../../ports/user.js';

/** A member without a connection, who may be reloading the page. */
export interface Leaving {
  readonly timer: Timer;
  /** Lets the member go now. */
  readonly end: () => void;
}

/** What is known of one channel: it exists for as long as the channel is occupied, or somebody may come back. */
export class Occupancy {
  subscriptions = 0;
  /** Who is present, counted per user and not per connection, in the order they came. Protocol section 3.6. */
  readonly roster = new Map<string, User>();
  readonly leaving = new Map<string, Leaving>();
  /** Runs while the last subscriber is gone but may be reloading the page. */
  vacating: Timer | undefined;
  /** Whether it was told already that a cache channel remembers nothing. */
  isMissTold = false;

  /** Whether nobody is subscribed and nobody is kept on the roster. */
  get isVacant(): boolean {
    return this.subscriptions === 0 && this.roster.size === 0;
  }
}
