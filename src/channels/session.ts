import type { MessageSender } from '../ports/client-messages.js';
import type { User } from '../ports/user.js';
import type { ProtocolError } from '../protocol/codes.js';
import type { Channel } from './channel.js';
import type { Connection } from './connection.js';
import { RateLimit } from './rate-limit.js';

/** The watchlist of every session that watches nobody. They share it, so an idle connection allocates none. */
export const EMPTY_WATCHLIST: readonly string[] = [];

/** One session's subscription to one channel. */
export interface Subscription {
  readonly channel: Channel;
  /** The member that the session is present as, on presence channels. */
  readonly user: User | undefined;
}

/** One message from a client: its text, or the error to answer it with when it is not a text. */
export type Inbound = string | ProtocolError;

/** The engine's state of one connection, for as long as it is open. */
export class Session {
  /** The subscriptions, by channel. One that was requested just now may not receive events yet. */
  readonly subscriptions = new Map<string, Subscription>();
  user: User | undefined;
  /**
   * The channels that the application removed its member from. A signature is good for as long as the connection lasts, so
   * another subscription to one of them needs another connection.
   */
  removedFrom: Set<string> | undefined;
  /** The time of the client's last message, in milliseconds of `Clock.now()`. */
  lastActivity: number;
  /** The time of the unanswered ping, in milliseconds of `Clock.now()`; `undefined` when no pong is due. */
  pingedAt: number | undefined;
  /** The ids of the users whose online status is sent to this session. */
  watchlist = EMPTY_WATCHLIST;
  /** Whether it has signed in, or has joined a channel that needs a signature. */
  isAuthorized = false;
  isClosed = false;
  /** Whether `ConnectionCounters.closed` has counted its end already. */
  isEndCounted = false;
  /** The messages since `secondStartedAt`, or since the connection was opened. */
  messageCount = 0;
  /** The start of the second in which messages are counted, in milliseconds of `Clock.now()`. */
  secondStartedAt: number | undefined;
  /** Whether it has sent too many messages, and is not read until the next second. */
  isThrottled = false;
  /** The session as handlers of messages see it. Created with its first message. */
  sender: MessageSender | undefined;
  readonly #handle: (session: Session, inbound: Inbound) => void;
  /** The number of {@link defer} calls that have not been resumed. */
  #deferrals = 0;
  /** The deferred messages, unparsed: so they take no more memory than they took on the wire. */
  #deferred: Inbound[] | undefined;
  // Created on demand: most connections send no client events, and subscribe rarely.
  #clientEventRate: RateLimit | undefined;
  #subscribeRate: RateLimit | undefined;
  #signinRate: RateLimit | undefined;

  constructor(
    readonly connection: Connection,
    /** The time it was opened, in milliseconds of `Clock.now()`. */
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

  get signinRate(): RateLimit {
    return (this.#signinRate ??= new RateLimit());
  }

  /** Handles a message at once, or after the messages before it when those are deferred. */
  handleInOrder(inbound: Inbound): void {
    if (this.#deferrals === 0) this.#handle(this, inbound);
    else this.#stopReading().push(inbound);
  }

  /**
   * Stops to read from the client, and defers the messages that were read already, until the returned function is called.
   *
   * @param first a message to handle then, before the deferred ones
   */
  pause(first?: Inbound): () => void {
    const deferred = this.#stopReading();
    if (first !== undefined) deferred.unshift(first);
    return this.defer();
  }

  /** Defers the client's messages from now on, until the returned function is called. */
  defer(): () => void {
    this.#deferrals++;
    return () => {
      this.#deferrals--;
      const deferred = this.#deferred;
      if (deferred === undefined) return;
      while (this.#deferrals === 0 && !this.isClosed) {
        const inbound = deferred.shift();
        if (inbound === undefined) break;
        this.#handle(this, inbound);
      }
      // The last message may have deferred the next ones again.
      if (deferred.length > 0 || this.#deferrals > 0) return;
      this.#deferred = undefined;
      this.connection.pause?.(false);
    };
  }

  /** @returns the list of deferred messages, which stays short because nothing more is read */
  #stopReading(): Inbound[] {
    if (this.#deferred === undefined) {
      this.#deferred = [];
      this.connection.pause?.(true);
    }
    return this.#deferred;
  }
}
