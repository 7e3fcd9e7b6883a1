import pRetry from 'p-retry';
import type { Clock, Timer } from '../../../ports/clock.js';
import type { WebhookLimits } from './webhook-limits.js';
import type { WebhookPoster } from './webhook-poster.js';
import { type QueuedEvent, WebhookQueue } from './webhook-queue.js';
import type { WebhookReport } from './webhook-report.js';

/**
 * One URL and its queued events. A batch is sent only after the batch before it was delivered or lost, so the events of a
 * channel arrive in their order. They arrive at least once: after a lost answer a batch is sent again.
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

  /** The number of queued events, without those in the request in progress. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Queues an event, and returns at once. */
  add(event: QueuedEvent): void {
    this.report.onDropped(this.#queue.add(event));
    this.#gathering ??= this.#clock.after(this.#limits.gatherMs, () => {
      this.#gathering = undefined;
      void this.#send();
    });
  }

  /**
   * Makes one last attempt at the queued events, in order, until one fails or `closeMs` is over. The remaining events are
   * lost, and logged.
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
      if (problem === undefined) this.report.onDelivered(batch);
      else if (!this.#closing.signal.aborted) this.report.onLost(batch, problem);
      else this.report.onLost([...batch, ...this.#queue.takeAll()], problem);
    }
    this.#sending = undefined;
  }

  /** Tries a batch until it is delivered or its time is over. @returns the last problem; `undefined` when it is delivered */
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
        this.report.onRetrying(error.message);
      },
    });
    await retrying.catch(() => undefined);
    // Closing aborts the wait for the next retry: this is the last attempt.
    if (problem !== undefined && this.#closing.signal.aborted) await attempt().catch(() => undefined);
    return problem;
  }
}
