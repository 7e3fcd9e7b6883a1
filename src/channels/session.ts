import type { User } from '../ports/user.js';
import type { Channel } from './channel.js';
import type { Connection } from './connection.js';
import { RateLimit } from './rate-limit.js';

/** What all sessions that watch nobody watch. */
export const NOBODY: readonly string[] = [];

/** What a session has to do with one channel. */
export interface Subscription {
  readonly channel: Channel;
  /** As whom it is present, on presence channels. */
  readonly user: User | undefined;
}

/** What the engine remembers of one connection for as long as it is open. */
export class Session {
  /** What it has asked for and was not refused; it may not hear the latest yet. */
  readonly subscriptions = new Map<string, Subscription>();
  user: User | undefined;
  /** When it last sent anything, in the clock's milliseconds. */
  lastActivity: number;
  /** When it was asked whether it is still there; `undefined` when no answer is due. */
  pingedAt: number | undefined;
  /** The users whose coming and going it is told. */
  watchlist = NOBODY;
  /** Whether it has proved something: signed in, or joined a channel that needs a signature. */
  isAuthorized = false;
  closed = false;
  /** How many answers it waits for. */
  #unanswered = 0;
  /** What it did meanwhile. */
  #later: (() => void)[] | undefined;
  // Most connections do neither, or did so once, long ago.
  #clientEventRate: RateLimit | undefined;
  #subscribeRate: RateLimit | undefined;

  constructor(
    readonly connection: Connection,
    /** When it was opened, in the clock's milliseconds. */
    readonly openedAt: number,
  ) {
    this.lastActivity = openedAt;
  }

  get id(): string {
    return this.connection.id;
  }

  get clientEventRate(): RateLimit {
    return (this.#clientEventRate ??= new RateLimit());
  }

  get subscribeRate(): RateLimit {
    return (this.#subscribeRate ??= new RateLimit());
  }

  /** Whether it waits for an answer. */
  get isWaiting(): boolean {
    return this.#unanswered > 0;
  }

  /** Does something once everything that the client asked for before is answered: at once, unless other nodes are asked. */
  inTurn(handle: () => void): void {
    if (this.#unanswered === 0) {
      handle();
      return;
    }
    if (this.#later === undefined) {
      this.#later = [];
      // Nothing more is read from it meanwhile, so little can pile up.
      this.connection.pause?.(true);
    }
    this.#later.push(handle);
  }

  /** What the client does from now on has to wait, until what is returned is called. */
  wait(): () => void {
    this.#unanswered++;
    return () => {
      this.#unanswered--;
      const later = this.#later;
      if (later === undefined) return;
      while (this.#unanswered === 0 && !this.closed) {
        const handle = later.shift();
        if (handle === undefined) break;
        handle();
      }
      if (later.length > 0) return;
      this.#later = undefined;
      this.connection.pause?.(false);
    };
  }
}
