import { type Job, WaitingError, Worker } from 'bullmq';
import * as v from 'valibot';
import { type Clock, type Timer, within } from '../../ports/clock.js';
import { canBeTriedAgain, messageOf } from '../../ports/errors.js';
import type { SocketLogger } from '../../ports/logger.js';
import { unavailableOrRejected } from '../../ports/losses.js';
import type { Relay } from '../../ports/relay.js';
import type { RelaySender } from '../../ports/relay-client.js';
import { RepeatedLines } from '../../ports/repeated-lines.js';
import type { RedisAddress, SocketConfig } from '../../ports/socket-config.js';
import { reasonOf } from '../../redis/redis-options.js';
import type { DeliveryListener, DeliveryParts, Progress } from '../../relays/relay-delivery.js';
import { retryDelayMs } from '../backoff.js';
import { type BreakerState, CircuitBreaker } from '../circuit-breaker.js';
import { type PatientConnections, patientConnections } from './queue-link.js';
import { QueueSweeper } from './queue-sweeper.js';
import { LANES, type RelayQueue, RELAYS } from './relay-queue.js';
import { readRelay } from './stored-relay.js';

/** So many relays of one lane are under way at a time, where the provider keeps their order. */
const WINDOW = 100;
/** The wait for Redis grows up to this failure: its commands cost less than the provider's requests. */
const PATIENT_FAILURES = 2;
/** A worker that was silent for so long is taken for dead, and others do its work. */
const LOCK_MS = 10_000;
/** The time between two looks for dead workers. */
const STALLED_CHECK_MS = 5_000;

/** The data of the jobs, by their names in Redis: a worker of another version reads them too. */
const laneJob = v.object({ line: v.string() });
const lanesJob = v.object({ lines: v.array(v.string()) });

/** The outcome of one attempt. It has no `reason` where the provider accepted the relay. */
interface Outcome {
  /** Absent where the relay cannot be read. */
  readonly relay?: Relay;
  readonly progress: Progress;
  /** Why the attempt failed, or was not made. */
  readonly reason?: string;
  /** The error of a failed attempt. */
  readonly error?: unknown;
}

/**
 * Brings the relays of the queue to a provider: of many lanes side by side, and of each lane in its order. A relay that failed
 * in a way a retry can help stays first in its lane, and any worker tries it again. A relay that failed for good becomes a
 * dead letter.
 */
export class RelayWorker {
  readonly #queue: RelayQueue;
  readonly #provider: string;
  readonly #deadlineMs: number;
  readonly #isRetried: boolean;
  readonly #client: RelaySender;
  readonly #clock: Clock;
  readonly #listener: DeliveryListener;
  readonly #logger: SocketLogger;
  readonly #repeated: RepeatedLines;
  readonly #breaker: CircuitBreaker;
  readonly #connections: PatientConnections;
  readonly #worker: Worker;
  readonly #sweeper: QueueSweeper;
  readonly #jobs = new Set<Promise<void>>();
  #resumeTimer: Timer | undefined;
  #isClosing = false;
  #retried = 0;

  /** @param isRetried whether later relays of a lane fail with a failed one, so that several can be under way */
  constructor(
    queue: RelayQueue,
    address: RedisAddress,
    { provider, delivery }: Pick<SocketConfig, 'provider' | 'delivery'>,
    isRetried: boolean,
    { client, clock, listener, logger }: DeliveryParts,
  ) {
    this.#queue = queue;
    this.#provider = provider;
    this.#deadlineMs = delivery.retryDeadlineMs;
    this.#isRetried = isRetried;
    this.#client = client;
    this.#clock = clock;
    this.#listener = listener;
    this.#logger = logger;
    this.#repeated = new RepeatedLines(logger, clock);
    this.#breaker = new CircuitBreaker(
      clock,
      delivery.breakerFailures,
      () => {
        logger.warn(
          `The provider "${provider}" keeps failing: the queue waits, and single relays test whether it is back`,
        );
      },
      () => {
        logger.log(`The provider "${provider}" is back`);
      },
    );
    this.#connections = patientConnections(address);
    this.#worker = new Worker(RELAYS, (job) => this.#work(job), {
      connection: this.#connections.client,
      prefix: queue.prefix,
      concurrency: delivery.queueConcurrency,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      // The number of dead workers is no reason to give up a lane.
      maxStalledCount: 2 ** 31 - 1,
      settings: { backoffStrategy: (failures) => retryDelayMs(failures) },
    });
    let problem = '';
    this.#worker.on('error', (error) => {
      const reason = reasonOf(error);
      if (reason !== problem && !this.#isClosing) logger.warn(`The queue's worker has a problem: ${reason}`);
      problem = reason;
    });
    this.#sweeper = new QueueSweeper(queue, clock, () => this.#breaker.state === 'closed');
  }

  /** How many attempts were made after a first one. */
  get retried(): number {
    return this.#retried;
  }

  get breaker(): BreakerState {
    return this.#breaker.state;
  }

  /** Takes no more jobs, and waits for the attempts under way, but not longer. Another worker repeats the rest. */
  async close(withinMs: number): Promise<void> {
    this.#isClosing = true;
    this.#resumeTimer?.cancel();
    this.#sweeper.close();
    // `Worker.close` without force waits for as long as Redis is away.
    await within(this.#clock, withinMs, this.#idle(), () => undefined);
    await this.#worker.close(true);
    this.#connections.end();
    this.#repeated.flush();
  }

  /** Resolves once no job is under way. A worker that is paused already resolves `pause` too early, hence the jobs. */
  async #idle(): Promise<void> {
    await Promise.allSettled([this.#worker.pause(), ...this.#jobs]);
  }

  async #work(job: Job): Promise<void> {
    const work = job.name === LANES ? this.#wakeLanes(job) : this.#workOnLane(job);
    this.#jobs.add(work);
    try {
      await work;
    } finally {
      this.#jobs.delete(work);
    }
  }

  /**
   * Reads a job's data. A job that cannot be read fails and is tried again, perhaps by a worker of the version that wrote it.
   * It is logged once.
   */
  #read<T>(schema: v.GenericSchema<unknown, T>, job: Job): T {
    try {
      return v.parse(schema, job.data);
    } catch (error) {
      if (job.attemptsMade === 0) {
        const why = messageOf(error);
        this.#logger.error(`The job ${job.id} of the queue cannot be read, and is tried again: ${why}`);
      }
      throw error;
    }
  }

  async #wakeLanes(job: Job): Promise<void> {
    const { lines: lanes } = this.#read(lanesJob, job);
    await this.#queue.link.use(() => this.#queue.wakeEach(lanes));
  }

  async #workOnLane(job: Job): Promise<void> {
    const { lanes } = this.#queue;
    const { line: lane } = this.#read(laneJob, job);
    const lock = { key: this.#worker.toKey(`${job.id}:lock`), token: job.token ?? '' };
    let done: readonly string[] = [];
    for (let isFirst = true; ; isFirst = false) {
      const waiting = await this.#insist(() => lanes.take(lane, done, lock, WINDOW));
      if (waiting === undefined)
        throw new Error('this process stood still, and another one goes on with its work');
      if (waiting.length === 0) return;
      const texts = waiting.slice(0, this.#window());
      if (texts.length === 0) {
        await job.moveToWait(job.token);
        throw new WaitingError();
      }
      const attempts = isFirst ? job.attemptsMade + 1 : 1;
      const outcome = await this.#guarded(() => this.#deliver(lane, texts, attempts));
      done = outcome.done;
      if (outcome.failure === undefined) continue;
      await this.#insist(() => lanes.take(lane, done, lock, 1));
      throw outcome.failure;
    }
  }

  /**
   * Does some work with Redis, and again until it is known to be done: if the connection is cut, or Redis is away, relays that
   * were delivered would otherwise be delivered again. The work may be done twice.
   *
   * @throws Error once this worker is closing, and Redis is away
   */
  async #insist<T>(work: () => Promise<T>): Promise<T> {
    for (let failures = 0; ; failures++) {
      try {
        return await this.#queue.link.use(work);
      } catch (error) {
        if (this.#isClosing && this.#queue.link.refusal !== undefined) throw error;
        const delayMs = retryDelayMs(Math.min(failures, PATIENT_FAILURES));
        await new Promise<void>((resolve) => this.#clock.after(delayMs, resolve));
      }
    }
  }

  /** How many relays of a lane may be attempted now. */
  #window(): number {
    const { state, probeAt } = this.#breaker;
    if (this.#isClosing) return 0;
    if (state === 'closed') return this.#isRetried ? WINDOW : 1;
    return state === 'open' && this.#clock.now() >= probeAt ? 1 : 0;
  }

  /** Takes no jobs while the breaker is open, and during a probe only the job of the probe. */
  async #guarded<T>(deliver: () => Promise<T>): Promise<T> {
    const isProbe = this.#breaker.state !== 'closed';
    if (isProbe) void this.#worker.pause(true);
    try {
      return await deliver();
    } finally {
      if (this.#breaker.state === 'open') this.#pauseUntilProbe();
      else if (isProbe && !this.#isClosing) void this.#worker.resume();
    }
  }

  #pauseUntilProbe(): void {
    if (this.#resumeTimer !== undefined || this.#isClosing) return;
    void this.#worker.pause(true);
    const delayMs = Math.max(0, this.#breaker.probeAt - this.#clock.now());
    this.#resumeTimer = this.#clock.after(delayMs, () => {
      this.#resumeTimer = undefined;
      void this.#worker.resume();
    });
  }

  /**
   * Attempts the first relays of a lane, until one fails that has to be tried again.
   *
   * @returns the relays that can be taken from the lane, and the failure that stopped this
   */
  async #deliver(
    lane: string,
    texts: readonly string[],
    attempts: number,
  ): Promise<{ done: string[]; failure?: Error }> {
    // All attempts begin within this call, so that the provider keeps their order.
    const outcomes = texts.map((text) => [text, this.#attempt(text, attempts)] as const);
    const done: string[] = [];
    for (const [text, outcome] of outcomes) {
      const result = await outcome;
      const { relay, progress, reason, error } = result;
      if (relay !== undefined && reason === undefined) {
        this.#listener.onDelivered(relay, progress);
      } else if (relay !== undefined && canBeTriedAgain(error) && progress.milliseconds < this.#deadlineMs) {
        // The relays behind it have failed with it.
        if (attempts === 1) this.#listener.onRetrying(relay, error, progress);
        return { done, failure: error };
      } else {
        try {
          await this.#bury(lane, text, result);
        } catch (failure) {
          return { done, failure: failure instanceof Error ? failure : new Error(String(failure)) };
        }
      }
      done.push(text);
    }
    return { done };
  }

  /** Begins within this call; never rejects. */
  async #attempt(text: string, attempts: number): Promise<Outcome> {
    const stored = readRelay(text);
    if (stored === undefined)
      return { progress: { attempts, milliseconds: 0 }, reason: 'it was written by another version' };
    const { relay, at } = stored;
    const ageMs = this.#clock.time() - at;
    const progress = { attempts, milliseconds: ageMs };
    if (this.#deadlineMs > 0 && ageMs > this.#deadlineMs)
      return { relay, progress, reason: `it waited for ${ageMs} ms` };
    if (attempts > 1) this.#retried++;
    try {
      await this.#breaker.run(() => this.#client.send(relay));
      return { relay, progress };
    } catch (error) {
      return { relay, progress, reason: messageOf(error), error };
    }
  }

  /** Makes a relay a dead letter. */
  async #bury(lane: string, text: string, { relay, progress, reason = '', error }: Outcome): Promise<void> {
    const { deadLetters } = this.#queue;
    const removed = await this.#insist(() => deadLetters.add(lane, text, reason));
    if (removed > 0)
      this.#repeated.warn(
        'Dead letters were removed',
        `${removed} dead letter(s) were removed for newer ones`,
      );
    if (relay === undefined) {
      const message = `A relay in the queue for ${lane} cannot be read, and is a dead letter`;
      this.#repeated.error('Relays in the queue cannot be read', message);
      return;
    }
    const why = `it is a dead letter: ${reason}`;
    const loss = unavailableOrRejected(canBeTriedAgain(error), this.#provider, relay, why, { cause: error });
    this.#listener.onLost(relay, loss, true, progress);
  }
}
