import pRetry from 'p-retry';
import type { Clock } from '../../../ports/clock.js';
import { ClusterUnreachableError } from '../../../ports/cluster.js';
import type { SocketLogger } from '../../../ports/logger.js';
import type { RedisAddress } from '../../../ports/socket-config.js';
import { reasonOf, withoutCommand } from '../../../redis/redis-options.js';
import { preload } from '../../../redis/redis-scripts.js';
import { connect, type MessageListener, type RedisConnection } from './redis-connection.js';
import { type ServerInfo, serverInfo } from './server-info.js';

/** The most that may wait for answers, in bytes. With more of it Redis does not keep up, and commands are rejected. */
const MAX_UNANSWERED = 64 * 1_024 * 1_024;
/** With less than this there is room for what a caller can hold back. */
const ROOMY_UNANSWERED = MAX_UNANSWERED / 4;
/** The size of a command without its message, more or less. */
const COMMAND_BYTES = 512;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 500;
/** A server that answers with one of these is of no use for a while, or for ever. A new connection may find a better one. */
const USELESS = /^(?:READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|NOAUTH|UNBLOCKED)\b/;
const NOT_YET = 'not connected yet';
const TIMED_OUT = 'Command timed out';
/** How long a failed command counts as a problem. Failed commands are tried again more often than that. */
const RECENT_MS = 5_000;
/** How long to wait for a late answer: the event loop may have been busy, and not Redis. */
const LATE_MS = 100;

/** Called by {@link RedisLink}. */
export interface LinkEvents {
  readonly message: MessageListener;
  /** There is a new connection, without any subscription; perhaps to another server than before. */
  readonly up: (isOther: boolean) => void;
  /** A server behind the connection was replaced, and may have lost subscriptions or data. */
  readonly changed: () => void;
  /** The connection is lost. */
  readonly down: () => void;
}

/**
 * The connection to Redis. From {@link open} on it is there for as long as the process lives: a lost connection is replaced,
 * and while there is none every call rejects at once, so nobody waits and nothing piles up.
 *
 * Before that it is there only while a command needs it. So an application whose start fails holds nothing that would keep
 * its process alive, although nobody closes it.
 */
export class RedisLink {
  readonly #address: RedisAddress;
  readonly #clock: Clock;
  readonly #logger: SocketLogger;
  readonly #events: LinkEvents;
  #isOpen = false;
  #isClosed = false;
  /** Ends the attempts to connect; `undefined` while there are none. */
  #connecting: AbortController | undefined;
  /** The commands that are under way. */
  #uses = 0;
  #connection: RedisConnection | undefined;
  /** The servers of the connection, or of the one before. */
  #info: ServerInfo | undefined;
  #wasConnected = false;
  /** Whether another server may answer than before. */
  #isOther = false;
  /** The eviction policy that a warning was about. */
  #warnedOf: string | undefined;
  #problem: string | undefined = NOT_YET;
  #unansweredBytes = 0;
  /** Sends the command that is gathered. */
  #gathered: (() => void) | undefined;
  /** Called when there is room again. */
  readonly #roomSeekers: (() => void)[] = [];
  #answeredAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;
  #failure: string | undefined;
  #isDoubted = false;
  /** Settled by the first attempt, successful or not. Until then nobody knows whether Redis can be reached. */
  #tried: Promise<void> | undefined;
  #resolveTried: () => void = () => undefined;

  constructor(address: RedisAddress, clock: Clock, logger: SocketLogger, events: LinkEvents) {
    this.#address = address;
    this.#clock = clock;
    this.#logger = logger;
    this.#events = events;
  }

  /** Whether there is a connection. */
  get isUp(): boolean {
    return this.#connection !== undefined;
  }

  /** Whether there is a connection to a Redis Cluster. */
  get isSharded(): boolean {
    return this.#connection?.isSharded === true;
  }

  /** Why there is no connection, or what failed a moment ago; `undefined` while all is well. */
  get problem(): string | undefined {
    const isRecent = this.#clock.now() - this.#failedAt < RECENT_MS;
    return this.#problem ?? (isRecent ? this.#failure : undefined);
  }

  /** Connects, and stays connected until {@link close}. */
  open(): void {
    if (this.#isOpen || this.#isClosed) return;
    this.#isOpen = true;
    if (this.#connection !== undefined && this.#problem === undefined) {
      this.#up();
      return;
    }
    this.#problem ??= NOT_YET;
    void this.tried();
  }

  /** Resolves when the first attempt to connect has succeeded or failed. */
  tried(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#tried ??= new Promise((resolve) => {
      this.#resolveTried = resolve;
      void this.#connect();
    });
    return this.#tried;
  }

  /**
   * Sends a command. A connection on which Redis does not answer is replaced.
   *
   * @param bytes the size of the command's message
   * @throws ClusterUnreachableError when Redis cannot be reached, does not answer or fails
   */
  async use<T>(command: (connection: RedisConnection) => Promise<T>, bytes = 0): Promise<T> {
    this.#sendGathered();
    this.#uses++;
    try {
      if (this.#connection === undefined) await this.tried();
      return await this.#send(command, bytes);
    } finally {
      this.#uses--;
      if (this.#uses === 0 && !this.#isOpen) this.#disconnect();
    }
  }

  /**
   * Has a command that is gathered sent before the next one, so that it keeps its place, and at the end of this turn of the event loop
   * at the latest.
   *
   * @param send sends it by {@link use}. With several calls of one turn, each of these has to be the same
   */
  gather(send: () => void): void {
    if (this.#gathered === undefined) {
      // After all that waits for promises which are settled in this turn.
      process.nextTick(() => {
        this.#sendGathered();
      });
    }
    this.#gathered = send;
  }

  #sendGathered(): void {
    const send = this.#gathered;
    this.#gathered = undefined;
    send?.();
  }

  /**
   * The servers behind the connection: another text when one of them was replaced or started again; `undefined` when a server does
   * not say. Those of a Redis Cluster may change on one connection, so they are asked.
   */
  async servers(): Promise<string | undefined> {
    const connection = this.#connection;
    return connection?.isSharded === true ? (await serverInfo(connection))?.identity : this.#info?.identity;
  }

  /** Whether a server of the Redis Cluster was replaced or started again since this was asked last. */
  async areServersOther(): Promise<boolean> {
    const identity = await this.servers();
    if (identity === undefined || identity === this.#info?.identity) return false;
    this.#info = { eviction: this.#info?.eviction, identity };
    return true;
  }

  /**
   * Resolves when little waits for answers; `undefined` while that is so. Commands that wait for it are never refused for their
   * amount. Every command is answered or given up within a bounded time, so it never takes longer than that.
   */
  room(): Promise<void> | undefined {
    if (this.#unansweredBytes < ROOMY_UNANSWERED) return undefined;
    return new Promise((resolve) => {
      this.#roomSeekers.push(resolve);
    });
  }

  /** Closes the connection for good. */
  close(): void {
    this.#isClosed = true;
    this.#isOpen = false;
    this.#disconnect();
    this.#problem = 'closed';
  }

  async #send<T>(command: (connection: RedisConnection) => Promise<T>, bytes: number): Promise<T> {
    const connection = this.#connection;
    if (connection === undefined) {
      throw new ClusterUnreachableError(`Redis cannot be reached: ${this.#problem ?? 'closed'}`);
    }
    if (this.#unansweredBytes >= MAX_UNANSWERED) {
      throw new ClusterUnreachableError('Redis does not keep up');
    }
    const load = COMMAND_BYTES + bytes;
    const askedAt = this.#clock.now();
    this.#unansweredBytes += load;
    try {
      const answer = await command(connection);
      this.#answeredAt = this.#clock.now();
      return answer;
    } catch (cause) {
      const reason = this.#readable(cause instanceof Error ? cause.message : String(cause));
      this.#failedAt = this.#clock.now();
      this.#failure = reason;
      if (USELESS.test(reason)) this.#lost(connection, reason);
      if (reason === TIMED_OUT) this.#doubt(connection, askedAt);
      throw new ClusterUnreachableError(`Redis failed: ${reason}`, { cause: withoutCommand(cause) });
    } finally {
      this.#unansweredBytes -= load;
      if (this.#unansweredBytes < ROOMY_UNANSWERED) {
        for (const resolve of this.#roomSeekers.splice(0)) resolve();
      }
    }
  }

  /** Until it is needed again. */
  #disconnect(): void {
    this.#connecting?.abort();
    this.#resolveTried();
    this.#tried = undefined;
    this.#connection?.close();
    this.#connection = undefined;
  }

  async #connect(): Promise<void> {
    const connecting = new AbortController();
    this.#connecting = connecting;
    const { signal } = connecting;
    try {
      await pRetry(() => this.#attempt(signal), {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: FIRST_RETRY_MS,
        // Nodes that lost their connections in the same moment should not all come back in the same moment.
        maxTimeout: LAST_RETRY_MS * (0.5 + Math.random()),
        randomize: true,
        unref: true,
        signal,
        onFailedAttempt: ({ error }) => {
          if (!signal.aborted) this.#failed(error.message);
        },
      });
    } catch (error) {
      if (!signal.aborted) this.#logger.error(`Unexpected error while connecting to Redis: ${String(error)}`);
      return;
    }
    this.#problem = undefined;
    this.#resolveTried();
    if (this.#isOpen) this.#up();
  }

  #up(): void {
    this.#logger.log('Redis is connected');
    const eviction = this.#info?.eviction;
    if (eviction !== undefined && eviction !== this.#warnedOf) {
      this.#logger.warn(
        `Redis may delete keys of this cluster: its maxmemory-policy is ${eviction}. Nodes report again what is missing, ` +
          'but meanwhile presence and counts are wrong. Set it to noeviction, or use another Redis',
      );
    }
    this.#warnedOf = eviction;
    this.#events.up(this.#isOther);
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const connection: { current?: RedisConnection } = {};
    let lostEarly: string | undefined;
    try {
      connection.current = await connect(this.#address, {
        message: this.#events.message,
        lost: (reason) => {
          if (connection.current === undefined || this.#connection === undefined) lostEarly ??= reason;
          else this.#lost(connection.current, reason);
        },
        changed: () => {
          if (this.#connection !== undefined) this.#events.changed();
        },
      });
    } catch (error) {
      // The first error of the server or the system says more than the last one, which is that there is no connection.
      throw new Error(lostEarly ?? reasonOf(error), { cause: error });
    }
    const info = await serverInfo(connection.current);
    await preload(connection.current).catch((error: unknown) => {
      lostEarly ??= reasonOf(error);
    });
    if (signal.aborted || lostEarly !== undefined) {
      connection.current.close();
      throw new Error(lostEarly ?? 'closed');
    }
    this.#connection = connection.current;
    this.#isOther = this.#wasConnected && (info === undefined || info.identity !== this.#info?.identity);
    this.#wasConnected = true;
    this.#info = info;
  }

  /** An answer did not come in time: either Redis is silent, or this process was too busy to read it. */
  #doubt(connection: RedisConnection, askedAt: number): void {
    if (this.#isDoubted) return;
    this.#isDoubted = true;
    const lost = () => {
      this.#lost(connection, 'it does not answer');
    };
    this.#clock.after(LATE_MS, () => {
      this.#isDoubted = false;
      if (this.#answeredAt < askedAt) lost();
      // Commands are answered, but perhaps nothing comes on the connection of the subscriptions any more.
      else connection.ping().catch(lost);
    });
  }

  #failed(problem: string): void {
    this.#resolveTried();
    const reason = this.#readable(problem);
    // Logged once for each time that Redis goes away, and not for each attempt.
    if (this.#problem !== reason) {
      this.#logger.warn(`Redis cannot be reached: ${reason}; this node goes on alone`);
    }
    this.#problem = reason;
  }

  /** A server's error without secrets: a server quotes the arguments of a command that it does not know. */
  #readable(reason: string): string {
    const { password } = this.#address;
    const unquoted = reason.replace(/,? with args beginning with:.*$/s, '');
    return password === undefined ? unquoted : unquoted.replaceAll(password, '[hidden]');
  }

  #lost(connection: RedisConnection, reason: string): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    connection.close();
    this.#failed(reason);
    this.#events.down();
    void this.#connect();
  }
}
