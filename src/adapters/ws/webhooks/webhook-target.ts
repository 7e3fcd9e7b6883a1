import pRetry from 'p-retry';
import type { Clock, Timer } from '../../../ports/clock.js';
import type { WebhookLimits } from './webhook-limits.js';
import type { WebhookPoster } from './webhook-poster.js';
import { type QueuedEvent, WebhookQueue } from './webhook-queue.js';
import type { WebhookReport } from './webhook-report.js';

/**
 * One URL and what waits for it. A batch is not sent before the one in front of it has arrived or is given up, so the
 * events of a channel arrive in their order; at least once, for an answer may be lost where the request was not.
 */
export class WebhookTarget {
  readonly #poster: WebhookPoster;
  readonly #clock: Clock;
  readonly #limits: WebhookLimits;
  readonly #queue: WebhookQueue;
  readonly #closing = new AbortController();
  #gathering: Timer | undefined;
  #sending: Promise<void> | undefined;

  constructor(
    poster: WebhookPoster,
    readonly report: WebhookReport,
    clock: Clock,
    limits: WebhookLimits,
  ) {
    this.#poster = poster;
    this.#clock = clock;
    this.#limits = limits;
    this.#queue = new WebhookQueue(limits);
  }

  /** How many events wait, without those on their way. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Takes an event in and returns at once. */
  add(event: QueuedEvent): void {
    this.report.dropped(this.#queue.add(event));
    this.#gathering ??= this.#clock.after(this.#limits.gatherMs, () => {
      this.#gathering = undefined;
      void this.#send();
    });
  }

  /**
   * Makes one last attempt at what waits, in order, until one fails or `closeMs` is over. What is left then is lost, and
   * told.
   */
  async close(): Promise<void> {
    this.#gathering?.cancel();
    this.#closing.abort();
    const timer = this.#clock.after(this.#limits.closeMs, () => {
      this.#poster.close();
    });
    await this.#send();
    timer.cancel();
    this.#poster.close();
  }

  #send(): Promise<void> {
    if (this.#queue.size > 0) this.#sending ??= this.#sendAll();
    return this.#sending ?? Promise.resolve();
  }

  async #sendAll(): Promise<void> {
    while (this.#queue.size > 0) {
      const batch = this.#queue.takeBatch();
      const problem = await this.#deliver(batch);
      if (problem === undefined) this.report.arrived(batch);
      else if (!this.#closing.signal.aborted) this.report.givenUp(batch, problem);
      else this.report.givenUp([...batch, ...this.#queue.takeAll()], problem);
    }
    this.#sending = undefined;
  }

  /** Tries a batch until it arrives or its time is over, and resolves with what was wrong then. */
  async #deliver(batch: readonly QueuedEvent[]): Promise<string | undefined> {
    const events = batch.map(({ json }) => json).join(',');
    const body = `{"time_ms":${this.#clock.time()},"events":[${events}]}`;
    let problem = 'not tried' as string | undefined;
    const attempt = async () => {
      problem = await this.#poster.post(body);
      if (problem !== undefined) throw new Error(problem);
    };
    const retrying = pRetry(attempt, {
      retries: Infinity,
      maxRetryTime: this.#limits.retryMs,
      minTimeout: this.#limits.firstRetryMs,
      maxTimeout: this.#limits.longestRetryMs,
      randomize: true,
      unref: true,
      signal: this.#closing.signal,
      onFailedAttempt: ({ error }) => {
        this.report.failing(error.message);
      },
    });
    await retrying.catch(() => undefined);
    // Closing cuts the waiting short.
    if (problem !== undefined && this.#closing.signal.aborted) await attempt().catch(() => undefined);
    return problem;
  }
}
