import type { Clock } from '../../../ports/clock.js';
import { BEHIND_FAILURE, canRetry, RequestFailure } from '../http/request-failure.js';
import type { Dispatch, Post } from './dispatch.js';
import { type PlannedRequest, type PlanOptions, planRequests } from './request-plan.js';
import { MAX_WAITING_RELAYS, WaitingPosts } from './waiting-posts.js';

/** Sends the requests. */
export interface RequestSender {
  /** The limits on combining posts. They become stricter when the server refuses combined posts. */
  readonly planOptions: PlanOptions;
  /** Sends one request and settles all of its posts. Never rejects. */
  send(request: PlannedRequest): Promise<void>;
}

/**
 * Sends the posts to one channel in the order of the calls, and those to different channels in parallel: HTTP requests may
 * overtake each other, events to one member must not. A channel's next request is sent when its previous one is answered,
 * successfully or not. The posts that were queued meanwhile are sent together.
 *
 * A post that could not be sent within `timeoutMs` milliseconds fails, so that a queue does not time out one by one.
 */
export class ChannelQueues {
  readonly #sender: RequestSender;
  readonly #timeoutMs: number;
  readonly #isBatching: boolean;
  readonly #isRetried: boolean;
  /** The posts that are not sent yet, by channel. A channel with a pending request has an entry, which may be empty. */
  readonly #queues = new Map<string, Post[]>();
  /** The channels whose next post can be sent, because they have no pending request. */
  readonly #ready = new Set<string>();
  readonly #clock: Clock;
  readonly #waiting: WaitingPosts;
  /** The dispatches that were posted since the last flush. */
  #gathered: Dispatch[] = [];
  #isFlushPlanned = false;
  #whenIdle: (() => void)[] = [];

  /** The channels whose posts fail at once, because an earlier one will be retried; with the number of such failures. */
  readonly #blocked = new Map<string, number>();

  /**
   * @param isBatching whether the posts of one turn of the event loop are sent together, at its end
   * @param isRetried whether the caller retries retryable failures. Then later posts to the same channel fail too, until the
   * caller can know of the failure, so that they do not overtake the retry
   */
  constructor(
    sender: RequestSender,
    clock: Clock,
    timeoutMs: number,
    isBatching: boolean,
    isRetried = false,
  ) {
    this.#sender = sender;
    this.#timeoutMs = timeoutMs;
    this.#isBatching = isBatching;
    this.#isRetried = isRetried;
    this.#clock = clock;
    this.#waiting = new WaitingPosts(clock, (post) => {
      this.#expire(post);
    });
  }

  /** Queues the posts of a dispatch. Each of them will be settled. */
  post(dispatch: Dispatch): void {
    for (const post of dispatch.posts) this.#enqueue(post);
    this.#gathered.push(dispatch);
    this.#flushSoon();
  }

  /** Resolves when everything posted is settled. */
  async idle(): Promise<void> {
    if (this.#queues.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenIdle.push(resolve);
    });
  }

  #enqueue(post: Post): void {
    const { dispatch, channel } = post;
    const queue = this.#queues.get(channel);
    if (this.#blocked.has(channel)) {
      dispatch.settle(post, BEHIND_FAILURE);
    } else if (queue === undefined) {
      this.#queues.set(channel, [post]);
      this.#ready.add(channel);
    } else if (this.#waiting.add(post)) {
      queue.push(post);
    } else {
      dispatch.settle(post, TOO_MANY);
      this.#block(post, queue.length);
    }
  }

  #flushSoon(): void {
    if (!this.#isBatching) {
      this.#flush();
    } else if (!this.#isFlushPlanned) {
      this.#isFlushPlanned = true;
      setImmediate(() => {
        this.#isFlushPlanned = false;
        this.#flush();
      });
    }
  }

  #flush(): void {
    this.#waiting.expire();
    // The timeout starts here, not with the call, so that a blocked event loop does not use it up.
    const startBy = this.#clock.now() + this.#timeoutMs;
    for (const dispatch of this.#gathered) dispatch.startBy = startBy;
    this.#gathered = [];

    const queues = Array.from(this.#ready, (channel) => this.#queues.get(channel) ?? []);
    this.#ready.clear();
    for (const request of planRequests(queues, this.#sender.planOptions)) void this.#send(request);
    this.#waiting.watch();
  }

  async #send(request: PlannedRequest): Promise<void> {
    for (const post of request) {
      this.#queues.get(post.channel)?.shift();
      this.#waiting.delete(post);
    }
    await this.#sender.send(request);
    for (const post of request) {
      if (canRetry(post.dispatch.failureOf(post))) this.#block(post, 0);
    }
    for (const channel of new Set(request.map((post) => post.channel))) this.#release(channel);
    if (this.#ready.size > 0) this.#flushSoon();
  }

  /** Lets the next post to a channel be sent. */
  #release(channel: string): void {
    if (this.#queues.get(channel)?.length === 0) this.#forget(channel);
    else this.#ready.add(channel);
  }

  #expire(post: Post): void {
    const { dispatch, channel } = post;
    const queue = this.#queues.get(channel);
    const place = queue?.indexOf(post) ?? 0;
    queue?.splice(place, 1);
    this.#block(post, place);
    if (queue?.length === 0 && this.#ready.delete(channel)) this.#forget(channel);
    dispatch.settle(post, tooLate(this.#timeoutMs));
  }

  /** Fails the posts behind a failed one, and those that are posted before the caller can know of the failure. */
  #block({ dispatch, channel }: Post, place: number): void {
    if (!this.#isRetried) return;
    this.#blocked.set(channel, (this.#blocked.get(channel) ?? 0) + 1);
    void dispatch.losses.then(() => {
      setImmediate(() => {
        const left = (this.#blocked.get(channel) ?? 0) - 1;
        if (left > 0) this.#blocked.set(channel, left);
        else this.#blocked.delete(channel);
      });
    });
    for (const behind of this.#queues.get(channel)?.splice(place) ?? []) {
      this.#waiting.delete(behind);
      behind.dispatch.settle(behind, BEHIND_FAILURE);
    }
  }

  #forget(channel: string): void {
    this.#queues.delete(channel);
    if (this.#queues.size > 0) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}

const TOO_MANY = new RequestFailure(`${MAX_WAITING_RELAYS} calls are waiting for their turn already`, {
  retryable: true,
});

function tooLate(milliseconds: number): RequestFailure {
  const reason = `its turn behind earlier calls did not come within ${milliseconds} ms`;
  return new RequestFailure(reason, { retryable: true });
}
