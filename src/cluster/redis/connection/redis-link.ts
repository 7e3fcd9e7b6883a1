import pRetry from 'p-retry';
import { ClusterUnreachableError } from '../../../ports/cluster.js';
import type { SocketLogger } from '../../../ports/logger.js';
import type { RedisAddress } from '../../../ports/socket-config.js';
import { preload } from '../../../redis/redis-scripts.js';
import { reasonOf } from '../../../redis/redis-options.js';
import { connect, type MessageListener, type RedisConnection } from './redis-connection.js';

/** So much may wait to be answered, in bytes; more of it means that Redis does not keep up. */
const MAX_UNANSWERED = 64 * 1_024 * 1_024;
/** What a command has besides its message, more or less. */
const COMMAND_BYTES = 512;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 500;
/** A server that answers with one of these will not do for long, or for ever: another connection may find another. */
const USELESS = /^(?:READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|NOAUTH|UNBLOCKED)\b/;
const TIMED_OUT = 'Command timed out';
/** For how long something that failed is told. It is tried again more often. */
const RECENT_MS = 5_000;
/** How long an answer may still be on its way when the event loop was busy, and not Redis. */
const LATE_MS = 100;

/** What the link tells. */
export interface LinkEvents {
  readonly message: MessageListener;
  /** There is a connection, and a new one: nothing is subscribed on it. */
  readonly up: () => void;
  /** What is behind it is not all the same any more. */
  readonly changed: () => void;
  /** There is none any more. */
  readonly down: () => void;
}

/**
 * The way to Redis, for as long as the process lives: lost connections are replaced. While there is none every call
 * rejects at once, so that nobody waits and nothing piles up.
 */
export class RedisLink {
  readonly #closing = new AbortController();
  #connection: RedisConnection | undefined;
  #problem: string | undefined = 'not connected yet';
  #unanswered = 0;
  #answeredAt = 0;
  #failedAt = Number.NEGATIVE_INFINITY;
  #failure: string | undefined;
  /** The first attempt, whatever comes of it: until then nobody knows whether Redis is there. */
  readonly #tried: Promise<void>;
  #isTried: () => void = () => undefined;

  constructor(
    private readonly address: RedisAddress,
    private readonly logger: SocketLogger,
    private readonly events: LinkEvents,
  ) {
    this.#tried = new Promise((resolve) => {
      this.#isTried = resolve;
    });
  }

  get isUp(): boolean {
    return this.#connection !== undefined;
  }

  /** Why there is no connection, or what failed a moment ago; nothing while all is well. */
  get problem(): string | undefined {
    const isRecent = performance.now() - this.#failedAt < RECENT_MS;
    return this.#problem ?? (isRecent ? this.#failure : undefined);
  }

  /** Starts to connect. */
  open(): void {
    void this.#connect();
  }

  /** Resolves when there was a connection once, or an attempt that failed. */
  tried(): Promise<void> {
    return this.#tried;
  }

  /**
   * Does something with Redis. Where it does not answer the connection is given up.
   *
   * @param bytes how much is sent
   * @throws ClusterUnreachableError when Redis is not there, does not answer or fails
   */
  async use<T>(command: (connection: RedisConnection) => Promise<T>, bytes = 0): Promise<T> {
    if (this.#connection === undefined) await this.#tried;
    const connection = this.#connection;
    if (connection === undefined) {
      throw new ClusterUnreachableError(`Redis cannot be reached: ${this.#problem ?? 'closed'}`);
    }
    if (this.#unanswered >= MAX_UNANSWERED) throw new ClusterUnreachableError('Redis does not keep up');
    const load = COMMAND_BYTES + bytes;
    const askedAt = performance.now();
    this.#unanswered += load;
    try {
      const answer = await command(connection);
      this.#answeredAt = performance.now();
      return answer;
    } catch (cause) {
      const reason = this.#readable(cause instanceof Error ? cause.message : String(cause));
      this.#failedAt = performance.now();
      this.#failure = reason;
      if (USELESS.test(reason)) this.#lost(connection, reason);
      if (reason === TIMED_OUT) this.#doubt(connection, askedAt);
      throw new ClusterUnreachableError(`Redis failed: ${reason}`, { cause });
    } finally {
      this.#unanswered -= load;
    }
  }

  close(): void {
    this.#closing.abort();
    this.#isTried();
    this.#connection?.close();
    this.#connection = undefined;
    this.#problem = 'closed';
  }

  async #connect(): Promise<void> {
    const { signal } = this.#closing;
    try {
      await pRetry(() => this.#attempt(), {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: FIRST_RETRY_MS,
        // Nodes that lost it in the same moment do not come back in the same moment.
        maxTimeout: LAST_RETRY_MS * (0.5 + Math.random()),
        randomize: true,
        unref: true,
        signal,
        onFailedAttempt: ({ error }) => {
          this.#failed(error.message);
        },
      });
    } catch (error) {
      if (!signal.aborted) this.logger.error(`Unexpected error while connecting to Redis: ${String(error)}`);
      return;
    }
    this.#problem = undefined;
    this.logger.log('Redis is connected');
    this.#isTried();
    this.events.up();
  }

  async #attempt(): Promise<void> {
    const connection: { current?: RedisConnection } = {};
    let lostEarly: string | undefined;
    try {
      connection.current = await connect(this.address, {
        message: this.events.message,
        lost: (reason) => {
          if (connection.current === undefined || this.#connection === undefined) lostEarly ??= reason;
          else this.#lost(connection.current, reason);
        },
        changed: () => {
          if (this.#connection !== undefined) this.events.changed();
        },
      });
    } catch (error) {
      // What the server or the system said first says more than that there is no connection.
      throw new Error(lostEarly ?? reasonOf(error), { cause: error });
    }
    await preload(connection.current).catch((error: unknown) => {
      lostEarly ??= reasonOf(error);
    });
    if (this.#closing.signal.aborted || lostEarly !== undefined) {
      connection.current.close();
      throw new Error(lostEarly ?? 'closed');
    }
    this.#connection = connection.current;
  }

  /** An answer did not come in time: either Redis is silent, or this process did not come to reading it. */
  #doubt(connection: RedisConnection, askedAt: number): void {
    setTimeout(() => {
      if (this.#answeredAt < askedAt) this.#lost(connection, 'it does not answer');
    }, LATE_MS).unref();
  }

  #failed(problem: string): void {
    this.#isTried();
    if (this.#closing.signal.aborted) return;
    const reason = this.#readable(problem);
    // Inbound once for each time that it goes away, and not for each attempt.
    if (this.#problem !== reason)
      this.logger.warn(`Redis cannot be reached: ${reason}; this node goes on alone`);
    this.#problem = reason;
  }

  /** What a server says without what it quotes: of a command that it does not know, all that came with it. */
  #readable(reason: string): string {
    const { password } = this.address;
    const unquoted = reason.replace(/,? with args beginning with:.*$/s, '');
    return password === undefined ? unquoted : unquoted.replaceAll(password, '[hidden]');
  }

  #lost(connection: RedisConnection, reason: string): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    connection.close();
    this.#failed(reason);
    this.events.down();
    void this.#connect();
  }
}
