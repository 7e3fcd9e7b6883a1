import { Queue } from 'bullmq';
import { Cluster, Redis } from 'ioredis';
import type { RedisAddress } from '../../ports/socket-config.js';
import { access, type ClientOptions, reasonOf, whereabouts } from '../../redis/redis-options.js';

/** Milliseconds until a connection or an answer is given up by those whose caller waits. */
const ANSWER_TIMEOUT_MS = 1_500;

/** For those whose caller waits: what cannot be done soon fails, and is not done later behind the caller's back. */
const IMPATIENT: ClientOptions = {
  connectTimeout: ANSWER_TIMEOUT_MS,
  commandTimeout: ANSWER_TIMEOUT_MS,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
};

/** For those who have all the time there is: a worker waits until Redis is back. BullMQ insists on the `null`. */
const PATIENT: ClientOptions = { maxRetriesPerRequest: null };

const COMMON: ClientOptions = { keepAlive: 10_000, disconnectTimeout: 0 };

/** The connections of one worker, which wait and try again for as long as Redis is away. */
export interface PatientConnections {
  readonly client: Redis | Cluster;
  /** Ends all of them, for good. */
  end(): void;
}

/** Opens a connection for a worker. BullMQ makes a second one after it, to wait in, and may be about to open that anew. */
export function patientConnections(address: RedisAddress): PatientConnections {
  const client = open(address, PATIENT);
  const all = [client];
  let isOver = false;
  const duplicate = client.duplicate.bind(client) as (...values: unknown[]) => Redis | Cluster;
  const remembered = (...values: unknown[]) => {
    const copy = duplicate(...values);
    all.push(copy);
    copy.on('connect', () => {
      if (isOver) copy.disconnect();
    });
    return copy;
  };
  Object.assign(client, { duplicate: remembered });
  return {
    client,
    end: () => {
      isOver = true;
      for (const one of all) one.disconnect();
    },
  };
}

function open(address: RedisAddress, options: ClientOptions): Redis | Cluster {
  if (address.primary !== undefined || address.hosts.length === 1)
    return new Redis({ ...whereabouts(address), ...COMMON, ...options });
  const { enableOfflineQueue } = options;
  return new Cluster([...address.hosts], {
    shardedSubscribers: false,
    ...(enableOfflineQueue !== undefined && { enableOfflineQueue }),
    redisOptions: { ...access(address), ...COMMON, ...options },
  });
}

/** What BullMQ's keys begin with, and ours: in one slot of a Redis Cluster, because scripts touch several of them. */
export function queuePrefix(prefix: string): string {
  return `{${prefix}:queue}`;
}

/** The way to the queue's Redis for those whose caller waits. It lives as long as the process does. */
export class QueueLink {
  readonly client: Redis | Cluster;
  readonly #queues: Queue[] = [];
  /** Settled once it is known whether Redis is there; everybody who waits goes on in the order they came. */
  #up: Promise<void>;
  #isUp: () => void = () => undefined;
  #problem = 'no answer yet';
  #isClosed = false;

  /** @param greet asks something of the server that has our keys, before anybody else does */
  constructor(
    address: RedisAddress,
    private readonly prefix: string,
    greet: () => Promise<unknown>,
    private readonly onProblem: (reason: string) => void,
  ) {
    this.#up = this.#awaited();
    this.client = open(address, IMPATIENT);
    this.client.on('error', (error: Error) => {
      this.#tell(error);
    });
    let isReady = false;
    this.client.on('ready', () => {
      // Of a Redis Cluster this is the connection to one of its servers, and not yet to ours.
      greet().then(
        () => {
          isReady = true;
          this.#problem = '';
          this.#isUp();
        },
        (error: unknown) => {
          this.#tell(error);
          // It would not say `ready` again by itself.
          const again = setTimeout(() => {
            if (!isReady && !this.#isClosed) this.client.disconnect(true);
          }, ANSWER_TIMEOUT_MS);
          again.unref();
        },
      );
    });
    this.client.on('close', () => {
      // An attempt that failed is no news to those who wait already.
      if (isReady) this.#up = this.#awaited();
      isReady = false;
    });
  }

  /** One of BullMQ's queues over this connection. */
  queue(name: string): Queue {
    const queue = new Queue(name, {
      connection: this.client,
      prefix: this.prefix,
      streams: { events: { maxLen: 100 } },
      defaultJobOptions: { removeOnComplete: true, attempts: 2 ** 31 - 1 },
    });
    queue.on('error', (error) => {
      this.#tell(error);
    });
    this.#queues.push(queue);
    return queue;
  }

  /**
   * Does something with Redis. It begins in the order of the calls.
   *
   * @throws Error whose message says why, without saying where Redis is
   */
  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new Error('the queue is closed');
    await this.#up;
    try {
      return await work();
    } catch (cause) {
      // Half of a connection may be gone, and nobody hear of it.
      if (cause instanceof Error && cause.message === 'Command timed out') this.client.disconnect(true);
      throw new Error(`the queue cannot be reached: ${reasonOf(cause)}`, { cause });
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.allSettled(this.#queues.map((queue) => queue.close()));
    this.client.disconnect();
  }

  /** Whoever comes while it is down waits a moment for it to come back. */
  #awaited(): Promise<void> {
    const awaited = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`the queue cannot be reached: ${this.#problem}`));
      }, ANSWER_TIMEOUT_MS);
      timer.unref();
      this.#isUp = () => {
        clearTimeout(timer);
        // After a rejection this is another promise.
        this.#up = Promise.resolve();
        resolve();
      };
    });
    awaited.catch(() => undefined);
    return awaited;
  }

  #tell(error: unknown): void {
    const reason = reasonOf(error);
    if (this.#isClosed || reason === this.#problem) return;
    this.#problem = reason;
    this.onProblem(reason);
  }
}
