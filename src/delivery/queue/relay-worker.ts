import { type Job, Worker, WaitingError } from 'bullmq';
import { fullJitterGenerator } from 'cockatiel';
import * as v from 'valibot';
import type { Clock, Timer } from '../../ports/clock.js';
import {
  canBeTriedAgain,
  messageOf,
  SocketRejectedError,
  SocketUnavailableError,
} from '../../ports/errors.js';
import type { SocketLogger } from '../../ports/logger.js';
import type { SocketClient } from '../../ports/relay-client.js';
import type { DeliveryConfig, RedisAddress } from '../../ports/socket-config.js';
import { reasonOf } from '../../redis/redis-options.js';
import { CircuitBreaker } from '../circuit-breaker.js';
import { describeRelay, type Relay } from '../../ports/relay.js';
import type { DeliveryListener, Progress } from '../../relays/relay-delivery.js';
import { type PatientConnections, patientConnections } from './queue-link.js';
import { QueueSweeper } from './queue-sweeper.js';
import { LANES, RELAYS, type RelayQueue } from './relay-queue.js';
import { readRelay } from './stored-relay.js';

/** Between two attempts, all of it by chance. */
const BACKOFF = { generator: fullJitterGenerator, initialDelay: 250, maxDelay: 5_000, exponent: 2 };
/** So many relays of one line are under way at a time, where the provider keeps their order. */
const WINDOW = 100;
/** A worker that was not heard of for so long is dead, and others do its work. */
const LOCK_MS = 10_000;
/** How often is looked for such. */
const CHECK_MS = 5_000;

const laneJob = v.object({ lane: v.string() });
const lanesJob = v.object({ lanes: v.array(v.string()) });

/** What the worker needs of the one provider it brings relays to. */
export interface Destination {
  readonly client: SocketClient;
  /** Its name, for errors. */
  readonly provider: string;
  /** Whether calls behind one that failed fail too, so that several of one line can be under way. */
  readonly keepsOrder: boolean;
}

/**
 * Brings to a provider what waits in the queue: many lines side by side, each in its order. What fails in a way a retry
 * can help stays at the head of its line and is tried again by whichever worker is there; what fails for good becomes a
 * dead letter.
 */
export class RelayWorker {
  readonly #worker: Worker;
  readonly #connections: PatientConnections;
  readonly #breaker: CircuitBreaker;
  readonly #watch: QueueSweeper;
  readonly #deadlineMs: number;
  #isClosing = false;
  #resuming: Timer | undefined;
  #retried = 0;
  readonly #underWay = new Set<Promise<void>>();

  constructor(
    private readonly queue: RelayQueue,
    private readonly destination: Destination,
    address: RedisAddress,
    config: DeliveryConfig,
    private readonly clock: Clock,
    private readonly listener: DeliveryListener,
    private readonly logger: SocketLogger,
  ) {
    const { provider } = destination;
    this.#deadlineMs = config.retryDeadlineMs;
    this.#breaker = new CircuitBreaker(
      clock,
      config.breakerFailures,
      () => {
        logger.warn(
          `The provider "${provider}" keeps failing: the queue waits, and one relay at a time tries it`,
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
      concurrency: config.queueConcurrency,
      lockDuration: LOCK_MS,
      stalledInterval: CHECK_MS,
      // A worker may die as often as it likes.
      maxStalledCount: 2 ** 31 - 1,
      settings: {
        backoffStrategy: (attempts) => fullJitterGenerator(Math.min(attempts, 32), BACKOFF)[0],
      },
    });
    let problem = '';
    this.#worker.on('error', (error) => {
      const reason = reasonOf(error);
      if (reason !== problem && !this.#isClosing) logger.warn(`The queue's worker has a problem: ${reason}`);
      problem = reason;
    });
    this.#watch = new QueueSweeper(queue, clock, () => this.#breaker.state === 'closed');
  }

  /** How many attempts were made after a first one. */
  get retried(): number {
    return this.#retried;
  }

  get breaker(): CircuitBreaker['state'] {
    return this.#breaker.state;
  }

  /**
   * Ends what is under way, and leaves the rest to others. What has not come to its end by then is done again by another
   * worker.
   */
  async close(withinMs: number): Promise<void> {
    this.#isClosing = true;
    this.#resuming?.cancel();
    this.#watch.close();
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.clock.after(withinMs, resolve);
    });
    // Closing the worker waits for as long as Redis is away, and cannot be hurried up any more.
    await Promise.race([this.#paused(), late]);
    timer?.cancel();
    await this.#worker.close(true);
    this.#connections.end();
  }

  /** Once nothing is under way any more. While the provider is left alone the worker is paused, and says so at once. */
  async #paused(): Promise<void> {
    await Promise.allSettled([this.#worker.pause(), ...this.#underWay]);
  }

  async #work(job: Job): Promise<void> {
    const work = this.#do(job);
    this.#underWay.add(work);
    try {
      await work;
    } finally {
      this.#underWay.delete(work);
    }
  }

  async #do(job: Job): Promise<void> {
    if (job.name === LANES) {
      const { lanes } = v.parse(lanesJob, job.data);
      await this.queue.link.use(() => this.queue.wakeEach(lanes));
      return;
    }
    const { lane } = v.parse(laneJob, job.data);
    for (let isFirst = true; ; isFirst = false) {
      const waiting = await this.queue.link.use(() => this.queue.lanes.peek(lane, WINDOW));
      if (waiting.length === 0) return;
      const texts = waiting.slice(0, this.#room());
      if (texts.length === 0) {
        await job.moveToWait(job.token);
        throw new WaitingError();
      }
      const attempts = isFirst ? job.attemptsMade + 1 : 1;
      const { done, failure } = await this.#guarded(() => this.#bring(lane, texts, attempts));
      const lock = { key: this.#worker.toKey(`${job.id}:lock`), token: job.token ?? '' };
      const isOurs = await this.queue.link.use(() => this.queue.lanes.settle(lane, done, lock));
      if (failure !== undefined) throw failure;
      if (!isOurs) throw new Error('this process stood still, and another one goes on with its work');
    }
  }

  /** How many relays of a line may be under way now. */
  #room(): number {
    const { state, probeAt } = this.#breaker;
    if (this.#isClosing) return 0;
    if (state === 'closed') return this.destination.keepsOrder ? WINDOW : 1;
    return state === 'open' && this.clock.now() >= probeAt ? 1 : 0;
  }

  /**
   * While the provider is to be left alone this process takes no jobs; then it takes one, and no other until that has found
   * out.
   */
  async #guarded<T>(bring: () => Promise<T>): Promise<T> {
    const isProbe = this.#breaker.state !== 'closed';
    if (isProbe) void this.#worker.pause(true);
    try {
      return await bring();
    } finally {
      if (this.#breaker.state === 'open') this.#leaveAlone();
      else if (isProbe && !this.#isClosing) void this.#worker.resume();
    }
  }

  #leaveAlone(): void {
    if (this.#resuming !== undefined || this.#isClosing) return;
    void this.#worker.pause(true);
    this.#resuming = this.clock.after(Math.max(0, this.#breaker.probeAt - this.clock.now()), () => {
      this.#resuming = undefined;
      void this.#worker.resume();
    });
  }

  /** Makes the calls for the first of a line, until one fails that has to be made again. */
  async #bring(
    lane: string,
    texts: readonly string[],
    attempts: number,
  ): Promise<{ done: string[]; failure?: Error }> {
    const calls = texts.map((text) => {
      const stored = readRelay(text);
      if (stored === undefined) return { text, problem: 'it was written by another version' };
      const { relay, at } = stored;
      const age = Date.now() - at;
      if (this.#deadlineMs > 0 && age > this.#deadlineMs)
        return { text, relay, problem: `it waited for ${age} ms` };
      if (attempts > 1) this.#retried++;
      const outcome = this.#breaker
        .run(() => this.destination.client.send(relay))
        .then(
          () => undefined,
          (error: unknown) => ({ error }),
        );
      return { text, relay, age, outcome };
    });
    const done: string[] = [];
    for (const { text, relay, problem, age = 0, outcome } of calls) {
      const failed = await outcome;
      const progress = { attempts, milliseconds: age };
      if (relay !== undefined && problem === undefined && failed === undefined) {
        this.listener.onDelivered(relay, progress);
      } else if (relay !== undefined && canBeTriedAgain(failed?.error) && age < this.#deadlineMs) {
        // Those behind it failed with it, and say the same.
        if (attempts === 1) this.listener.onRetrying(relay, failed.error, progress);
        return { done, failure: failed.error };
      } else {
        const reason = problem ?? messageOf(failed?.error);
        try {
          await this.#bury(lane, text, relay, reason, failed?.error, progress);
        } catch (failure) {
          return { done, failure: failure instanceof Error ? failure : new Error(String(failure)) };
        }
      }
      done.push(text);
    }
    return { done };
  }

  async #bury(
    lane: string,
    text: string,
    relay: Relay | undefined,
    reason: string,
    cause: unknown,
    progress: Progress,
  ): Promise<void> {
    const pushedOut = await this.queue.link.use(() => this.queue.deadLetters.add(lane, text, reason));
    if (pushedOut > 0) this.logger.warn(`${pushedOut} dead letter(s) had to go for newer ones`);
    if (relay === undefined) {
      this.logger.error(`What was found in the queue for ${lane} cannot be read, and is a dead letter`);
      return;
    }
    const { provider } = this.destination;
    const message = `The provider "${provider}" did not get ${describeRelay(relay)} to ${relay.recipients.join()}, and it is a dead letter: ${reason}`;
    const DeliveryError = canBeTriedAgain(cause) ? SocketUnavailableError : SocketRejectedError;
    this.listener.onLost(
      relay,
      new DeliveryError(message, { provider, lost: relay.recipients, cause }),
      true,
      progress,
    );
  }
}
