import type { Clock } from '../../../ports/clock.js';
import type { Dispatch, Post } from './dispatch.js';
import { canRetry, HELD_BACK, RequestFailure } from '../http/request-failure.js';
import { type PlannedRequest, type PlanOptions, planRequests } from './request-plan.js';
import { MAX_WAITING, WaitingPosts } from './waiting-posts.js';

/** What makes the requests. */
export interface RequestSender {
  /** How requests may be put together, as far as is known by now. */
  readonly planOptions: PlanOptions;
  /** Makes one request and settles all of its deliveries. Never rejects. */
  send(request: PlannedRequest): Promise<void>;
}

/**
 * Keeps what goes to one channel in the order of the calls, and lets different channels go side by side: HTTP requests
 * may overtake each other, events to one member must not. Nothing for a channel is begun before the request ahead is
 * answered, whatever came of it; what gathers behind it leaves together.
 *
 * Nothing is begun later than `timeoutMs` milliseconds after it was sent off, so nobody waits for a whole queue to time
 * out one by one.
 */
export class ChannelQueues {
  readonly #sender: RequestSender;
  readonly #timeoutMs: number;
  readonly #gathers: boolean;
  readonly #holdsBack: unknown;
  /** What has not begun, by channel. A channel with nothing under way either has no entry. */
  readonly #queues = new Map<string, Post[]>();
  /** The channels with something that can begin, because nothing is under way for them. */
  readonly #ready = new Set<string>();
  readonly #clock: Clock;
  readonly #waiting: WaitingPosts;
  #gathered: Dispatch[] = [];
  #isFlushPlanned = false;
  #whenIdle: (() => void)[] = [];

  /** Channels to which nothing goes, because something has failed that will be tried again, and how often. */
  readonly #held = new Map<string, number>();

  /**
   * @param gathers whether what is posted within one turn of the event loop leaves together, at its end
   * @param holdsBack whether what fails in a way a retry can help is tried again by whoever called. Then what comes behind
   * it fails as well, until whoever called knows
   */
  constructor(sender: RequestSender, clock: Clock, timeoutMs: number, gathers: boolean, holdsBack = false) {
    this.#sender = sender;
    this.#timeoutMs = timeoutMs;
    this.#gathers = gathers;
    this.#holdsBack = holdsBack;
    this.#clock = clock;
    this.#waiting = new WaitingPosts(clock, (post) => {
      this.#giveUp(post);
    });
  }

  /** Takes a call in. Every delivery of it will be settled. */
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
    if (this.#held.has(channel)) {
      dispatch.settle(post, HELD_BACK);
    } else if (queue === undefined) {
      this.#queues.set(channel, [post]);
      this.#ready.add(channel);
    } else if (this.#waiting.add(post)) {
      queue.push(post);
    } else {
      dispatch.settle(post, TOO_MANY);
      this.#holdBack(post, queue.length);
    }
  }

  #flushSoon(): void {
    if (!this.#gathers) {
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
    this.#waiting.giveUpLateOnes();
    // From here on, and not from the call: where the loop was held up in between, that is not for the call to pay.
    const startBy = this.#clock.now() + this.#timeoutMs;
    for (const dispatch of this.#gathered) dispatch.startBy = startBy;
    this.#gathered = [];

    const queues = Array.from(this.#ready, (channel) => this.#queues.get(channel) ?? []);
    this.#ready.clear();
    for (const request of planRequests(queues, this.#sender.planOptions)) void this.#begin(request);
    this.#waiting.watch();
  }

  async #begin(request: PlannedRequest): Promise<void> {
    for (const post of request) {
      this.#queues.get(post.channel)?.shift();
      this.#waiting.delete(post);
    }
    await this.#sender.send(request);
    for (const post of request) {
      if (canRetry(post.dispatch.failureOf(post))) this.#holdBack(post, 0);
    }
    for (const channel of new Set(request.map((post) => post.channel))) this.#end(channel);
    if (this.#ready.size > 0) this.#flushSoon();
  }

  #end(channel: string): void {
    if (this.#queues.get(channel)?.length === 0) this.#forget(channel);
    else this.#ready.add(channel);
  }

  #giveUp(post: Post): void {
    const { dispatch, channel } = post;
    const queue = this.#queues.get(channel);
    const place = queue?.indexOf(post) ?? 0;
    queue?.splice(place, 1);
    this.#holdBack(post, place);
    if (queue?.length === 0 && this.#ready.delete(channel)) this.#forget(channel);
    dispatch.settle(post, tooLate(this.#timeoutMs));
  }

  /** Gives up what is behind something that has failed, and what comes before whoever called can know of it. */
  #holdBack({ dispatch, channel }: Post, place: number): void {
    if (!this.#holdsBack) return;
    this.#held.set(channel, (this.#held.get(channel) ?? 0) + 1);
    void dispatch.losses.then(() => {
      setImmediate(() => {
        const left = (this.#held.get(channel) ?? 0) - 1;
        if (left > 0) this.#held.set(channel, left);
        else this.#held.delete(channel);
      });
    });
    for (const behind of this.#queues.get(channel)?.splice(place) ?? []) {
      this.#waiting.delete(behind);
      behind.dispatch.settle(behind, HELD_BACK);
    }
  }

  #forget(channel: string): void {
    this.#queues.delete(channel);
    if (this.#queues.size > 0) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}

const TOO_MANY = new RequestFailure(`${MAX_WAITING} calls are waiting for their turn already`, {
  retryable: true,
});

function tooLate(milliseconds: number): RequestFailure {
  const reason = `its turn behind earlier calls did not come within ${milliseconds} ms`;
  return new RequestFailure(reason, { retryable: true });
}
