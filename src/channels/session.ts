import type { Channel } from './channel.js';
import type { Connection, Subscriber } from './connection.js';
import type { User } from './user.js';

/** What the engine remembers of one connection for as long as it is open. */
export class Session implements Subscriber {
  readonly subscriptions = new Map<string, Channel>();
  user: User | undefined;
  /** When it last sent anything, in the clock's milliseconds. */
  lastActivity: number;
  /** When it was asked whether it is still there; `undefined` when no answer is due. */
  pingedAt: number | undefined;
  /** When its latest client events were sent; at most as many as a second allows. */
  readonly clientEventTimes: number[] = [];
  closed = false;

  constructor(
    readonly connection: Connection,
    now: number,
  ) {
    this.lastActivity = now;
  }

  get id(): string {
    return this.connection.id;
  }
}
