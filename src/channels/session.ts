import type { Channel } from './channel.js';
import type { Connection } from './connection.js';

/** Who a connection is signed in as. */
export interface SessionUser {
  readonly id: string;
  /** What presence channels show of the user: any JSON value, `undefined` where there is none. */
  readonly info: unknown;
}

/** What the engine remembers of one connection for as long as it is open. */
export class Session {
  readonly subscriptions = new Map<string, Channel>();
  user: SessionUser | undefined;
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
