import type { User } from '../ports/user.js';
import type { ProtocolError } from '../protocol/codes.js';
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

/** What a client said, or what is wrong with it where it is no text. */
export type Inbound = string | ProtocolError;

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
  /** How many messages have come since `secondBeganAt`, or since it was opened. */
  messages = 0;
  secondBeganAt: number | undefined;
  /** Whether it said too much, and nothing more is read from it for a moment. */
  isHeld = false;
  readonly #handle: (session: Session, inbound: Inbound) => void;
  /** How many answers it waits for. */
  #unanswered = 0;
  /** What it said meanwhile. Nothing is made of it before its turn: it has to take no more memory than it took on the wire. */
  #later: Inbound[] | undefined;
  // Most connections do neither, or did so once, long ago.
  #clientEventRate: RateLimit | undefined;
  #subscribeRate: RateLimit | undefined;

  constructor(
    readonly connection: Connection,
    /** When it was opened, in the clock's milliseconds. */
    readonly openedAt: number,
    handle: (session: Session, inbound: Inbound) => void,
  ) {
    this.#handle = handle;
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

  /** Hears something once everything that the client asked for before is answered: at once, unless other nodes are asked. */
  inTurn(inbound: Inbound): void {
    if (this.#unanswered === 0) this.#handle(this, inbound);
    else this.#pause().push(inbound);
  }

  /**
   * Reads nothing more, and lets what has been read wait, until what is returned is called.
   *
   * @param first what is heard then, before all that waits
   */
  hold(first?: Inbound): () => void {
    const later = this.#pause();
    if (first !== undefined) later.unshift(first);
    return this.wait();
  }

  /** What the client does from now on has to wait, until what is returned is called. */
  wait(): () => void {
    this.#unanswered++;
    return () => {
      this.#unanswered--;
      const later = this.#later;
      if (later === undefined) return;
      while (this.#unanswered === 0 && !this.closed) {
        const inbound = later.shift();
        if (inbound === undefined) break;
        this.#handle(this, inbound);
      }
      // The last of them may have to wait for an answer of its own.
      if (later.length > 0 || this.#unanswered > 0) return;
      this.#later = undefined;
      this.connection.pause?.(false);
    };
  }

  /** Nothing more is read from it, so little can pile up in what is returned. */
  #pause(): Inbound[] {
    if (this.#later === undefined) {
      this.#later = [];
      this.connection.pause?.(true);
    }
    return this.#later;
  }
}
