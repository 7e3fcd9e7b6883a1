import type { Call, Delivery } from './dispatch.js';
import { canRetry, HELD_BACK, RequestFailure } from '../http/request-failure.js';
import { type PlannedRequest, type PlanOptions, planRequests } from './request-plan.js';
import { MAX_WAITING, WaitingDeliveries } from './waiting-posts.js';

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
export class Outbox {
  /** What has not begun, by channel. A channel with nothing under way either has no entry. */
  readonly #queues = new Map<string, Delivery[]>();
  /** The channels with something that can begin, because nothing is under way for them. */
  readonly #ready = new Set<string>();
  readonly #waiting = new WaitingDeliveries((delivery) => {
    this.#giveUp(delivery);
  });
  #gathered: Call[] = [];
  #isFlushPlanned = false;
  #whenIdle: (() => void)[] = [];

  /** Channels to which nothing goes, because something has failed that will be tried again, and how often. */
  readonly #held = new Map<string, number>();

  /**
   * @param gathers whether what is posted within one turn of the event loop leaves together, at its end
   * @param holdsBack whether what fails in a way a retry can help is tried again by whoever called. Then what comes behind
   * it fails as well, until whoever called knows
   */
  constructor(
    private readonly sender: RequestSender,
    private readonly timeoutMs: number,
    private readonly gathers: boolean,
    private readonly holdsBack = false,
  ) {}

  /** Takes a call in. Every delivery of it will be settled. */
  post(call: Call): void {
    for (const delivery of call.deliveries) this.#enqueue(delivery);
    this.#gathered.push(call);
    this.#flushSoon();
  }

  /** Resolves when everything posted is settled. */
  async idle(): Promise<void> {
    if (this.#queues.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenIdle.push(resolve);
    });
  }

  #enqueue(delivery: Delivery): void {
    const { call, channel } = delivery;
    const queue = this.#queues.get(channel);
    if (this.#held.has(channel)) {
      call.settle(delivery, HELD_BACK);
    } else if (queue === undefined) {
      this.#queues.set(channel, [delivery]);
      this.#ready.add(channel);
    } else if (this.#waiting.add(delivery)) {
      queue.push(delivery);
    } else {
      call.settle(delivery, TOO_MANY);
      this.#holdBack(delivery, queue.length);
    }
  }

  #flushSoon(): void {
    if (!this.gathers) {
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
    const startBy = performance.now() + this.timeoutMs;
    for (const call of this.#gathered) call.startBy = startBy;
    this.#gathered = [];

    const queues = Array.from(this.#ready, (channel) => this.#queues.get(channel) ?? []);
    this.#ready.clear();
    for (const request of planRequests(queues, this.sender.planOptions)) void this.#begin(request);
    this.#waiting.watch();
  }

  async #begin(request: PlannedRequest): Promise<void> {
    for (const delivery of request) {
      this.#queues.get(delivery.channel)?.shift();
      this.#waiting.delete(delivery);
    }
    await this.sender.send(request);
    for (const delivery of request) {
      if (canRetry(delivery.call.failureOf(delivery))) this.#holdBack(delivery, 0);
    }
    for (const channel of new Set(request.map((delivery) => delivery.channel))) this.#end(channel);
    if (this.#ready.size > 0) this.#flushSoon();
  }

  #end(channel: string): void {
    if (this.#queues.get(channel)?.length === 0) this.#forget(channel);
    else this.#ready.add(channel);
  }

  #giveUp(delivery: Delivery): void {
    const { call, channel } = delivery;
    const queue = this.#queues.get(channel);
    const place = queue?.indexOf(delivery) ?? 0;
    queue?.splice(place, 1);
    this.#holdBack(delivery, place);
    if (queue?.length === 0 && this.#ready.delete(channel)) this.#forget(channel);
    call.settle(delivery, tooLate(this.timeoutMs));
  }

  /** Gives up what is behind something that has failed, and what comes before whoever called can know of it. */
  #holdBack({ call, channel }: Delivery, place: number): void {
    if (!this.holdsBack) return;
    this.#held.set(channel, (this.#held.get(channel) ?? 0) + 1);
    void call.losses.then(() => {
      setImmediate(() => {
        const left = (this.#held.get(channel) ?? 0) - 1;
        if (left > 0) this.#held.set(channel, left);
        else this.#held.delete(channel);
      });
    });
    for (const behind of this.#queues.get(channel)?.splice(place) ?? []) {
      this.#waiting.delete(behind);
      behind.call.settle(behind, HELD_BACK);
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
