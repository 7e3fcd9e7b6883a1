import { Queue } from 'bullmq';
import { type Cluster, Redis } from 'ioredis';
import type { Clock } from '../../ports/clock.js';
import type { RedisAddress } from '../../ports/socket-config.js';
import {
  type ClientOptions,
  openCluster,
  reasonOf,
  whereabouts,
  withoutCommand,
} from '../../redis/redis-options.js';

/** Milliseconds until a caller who waits for a connection or an answer is refused. */
export const ANSWER_TIMEOUT_MS = 1_500;

/** For callers who wait: a command that cannot be sent soon fails, and is not sent later either. */
const IMPATIENT: ClientOptions = {
  connectTimeout: ANSWER_TIMEOUT_MS,
  commandTimeout: ANSWER_TIMEOUT_MS,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
};

/** For workers, which wait until Redis is back. BullMQ requires the `null`. */
const PATIENT: ClientOptions = { maxRetriesPerRequest: null };

const COMMON: ClientOptions = { keepAlive: 10_000, disconnectTimeout: 0 };

/** The connections of one worker, which wait and try again for as long as Redis is away. */
export interface PatientConnections {
  readonly client: Redis | Cluster;
  /** Ends all of them, for good. */
  end(): void;
}

/**
 * Opens a connection for a worker. BullMQ duplicates it for its blocking command, and may be about to connect the duplicate
 * again when the worker ends: so all of them are remembered.
 */
export function patientConnections(address: RedisAddress): PatientConnections {
  const client = open(address, PATIENT);
  const all = [client];
  let isEnded = false;
  const duplicate = client.duplicate.bind(client) as (...values: unknown[]) => Redis | Cluster;
  const remembered = (...values: unknown[]) => {
    const copy = duplicate(...values);
    all.push(copy);
    copy.on('connect', () => {
      if (isEnded) copy.disconnect();
    });
    return copy;
  };
  Object.assign(client, { duplicate: remembered });
  return {
    client,
    end: () => {
      isEnded = true;
      for (const one of all) one.disconnect();
    },
  };
}

function open(address: RedisAddress, options: ClientOptions): Redis | Cluster {
  const common = { ...COMMON, ...options };
  if (!address.isCluster) return new Redis({ ...whereabouts(address), ...common });
  const { enableOfflineQueue } = options;
  const forCluster = {
    shardedSubscribers: false,
    ...(enableOfflineQueue !== undefined && { enableOfflineQueue }),
  };
  return openCluster(address, forCluster, common);
}

/** The beginning of BullMQ's keys and of ours. They are in one slot of a Redis Cluster, since scripts touch several of them. */
export function queuePrefix(prefix: string): string {
  return `{${prefix}:queue}`;
}

/** The connection to the queue's Redis for callers who wait. It lives as long as the process does. */
export class QueueLink {
  readonly client: Redis | Cluster;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #onProblem: (reason: string) => void;
  readonly #queues = new Set<Queue>();
  /** Makes another queue for each that failed. */
  readonly #failed: (() => void)[] = [];
  readonly #listeners: (() => void)[] = [];
  #isUp = false;
  #isGivenUp = false;
  /** Settled once it is known whether Redis is there. Callers who wait for it go on in the order they came. */
  #up: Promise<void>;
  #endWait: () => void = () => undefined;
  /** Counts the connections and their ends: the answer to a greeting says nothing about a later connection. */
  #connection = 0;
  #problem = 'no answer yet';
  #isClosed = false;

  /**
   * @param greet asks something of the server that has our keys, before all other commands
   * @param onProblem told why Redis cannot be reached, once for each reason
   */
  constructor(
    address: RedisAddress,
    prefix: string,
    clock: Clock,
    greet: () => Promise<unknown>,
    onProblem: (reason: string) => void,
  ) {
    this.#prefix = prefix;
    this.#clock = clock;
    this.#onProblem = onProblem;
    this.#up = this.#awaitUp();
    this.client = open(address, IMPATIENT);
    this.client.on('error', (error: Error) => {
      this.#report(error);
    });
    this.client.on('ready', () => {
      const connection = ++this.#connection;
      // With a Redis Cluster only one of its servers is connected yet, perhaps not the one with our keys.
      greet().then(
        () => {
          if (connection === this.#connection) this.#connected();
        },
        (error: unknown) => {
          this.#report(error);
          // The client connects again only if it is told to.
          this.#clock.after(ANSWER_TIMEOUT_MS, () => {
            if (connection === this.#connection && !this.#isClosed) this.#connectAgain();
          });
        },
      );
    });
    this.client.on('close', () => {
      this.#connection++;
      // After a failed attempt to connect, callers wait already.
      if (this.#isUp) this.#up = this.#awaitUp();
      this.#isUp = false;
    });
  }

  /** Whether there is a connection whose end was not noticed yet. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Why nobody has to wait for a connection now; `undefined` where there is one, or may be in a moment. */
  get refusal(): string | undefined {
    if (this.#isClosed) return 'the queue is closed';
    return this.#isGivenUp ? `the queue cannot be reached: ${this.#problem}` : undefined;
  }

  /** Has this called whenever there is a connection again, before those who wait for it go on. */
  onUp(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /**
   * One of BullMQ's queues over this connection, to be asked for at each use. A queue asks Redis something when it is made, and
   * fails for good if the connection ends meanwhile: then the next connection has another queue.
   */
  queue(name: string): () => Queue {
    let queue: Queue;
    const open = () => {
      queue = this.#openQueue(name, () => this.#failed.push(open));
    };
    open();
    return () => queue;
  }

  #openQueue(name: string, onFailed: () => void): Queue {
    const queue = new Queue(name, {
      connection: this.client,
      prefix: this.#prefix,
      streams: { events: { maxLen: 100 } },
      defaultJobOptions: { removeOnComplete: true, attempts: 2 ** 31 - 1 },
    });
    queue.on('error', (error) => {
      this.#report(error);
    });
    this.#queues.add(queue);
    queue.waitUntilReady().catch((error: unknown) => {
      this.#queues.delete(queue);
      void queue.close().catch(() => undefined);
      onFailed();
      this.noticed(error);
    });
    return queue;
  }

  /**
   * Does some work with Redis, waiting a moment for it if need be. The works begin in the order of the calls.
   *
   * @throws Error whose message says why it failed, and does not contain the address of Redis
   */
  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new Error('the queue is closed');
    await this.#up;
    try {
      return await work();
    } catch (cause) {
      this.noticed(cause);
      throw new Error(`the queue cannot be reached: ${reasonOf(cause)}`, { cause: withoutCommand(cause) });
    }
  }

  /** Takes note of a command's error: the other end may be gone without this end noticing. */
  noticed(error: unknown): void {
    if (error instanceof Error && error.message === 'Command timed out') this.#connectAgain();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.allSettled([...this.#queues].map((queue) => queue.close()));
    this.client.disconnect();
  }

  /** A client that is told so while it connects would end for good: for ioredis that attempt has failed without another one. */
  #connectAgain(): void {
    if (this.client.status === 'ready') this.client.disconnect(true);
  }

  #connected(): void {
    this.#isUp = true;
    this.#problem = '';
    for (const open of this.#failed.splice(0)) open();
    for (const listener of this.#listeners) listener();
    this.#endWait();
  }

  /** Callers wait a moment for Redis to come back, and are then refused. */
  #awaitUp(): Promise<void> {
    const up = new Promise<void>((resolve, reject) => {
      const timer = this.#clock.after(ANSWER_TIMEOUT_MS, () => {
        this.#isGivenUp = true;
        reject(new Error(`the queue cannot be reached: ${this.#problem}`));
      });
      this.#endWait = () => {
        timer.cancel();
        this.#isGivenUp = false;
        // The promise may have been rejected already.
        this.#up = Promise.resolve();
        // Not by way of `within`: callers who wait have to go on before those who come from now on.
        resolve();
      };
    });
    up.catch(() => undefined);
    return up;
  }

  #report(error: unknown): void {
    const reason = reasonOf(error);
    if (this.#isClosed || reason === this.#problem) return;
    this.#problem = reason;
    this.#onProblem(reason);
  }
}
