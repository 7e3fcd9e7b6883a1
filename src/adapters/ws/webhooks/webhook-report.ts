import type { ChannelEventName } from '../../../ports/channel-events.js';
import type { SocketLogger } from '../../../ports/logger.js';
import type { QueuedEvent } from './webhook-queue.js';

/** How many events of each name. */
type Tally = Map<ChannelEventName, number>;

/** Counts what became of one URL's events, and tells the operator once about each change and each loss. */
export class WebhookReport {
  readonly #logger: SocketLogger;
  #delivered = 0;
  #lost = 0;
  #isFailing = false;
  /** What a full queue has dropped since that was last told. */
  readonly #dropped: Tally = new Map();

  constructor(
    /** The URL without the parts of it that may be secret. */
    readonly name: string,
    logger: SocketLogger,
  ) {
    this.#logger = logger;
  }

  get delivered(): number {
    return this.#delivered;
  }

  get lost(): number {
    return this.#lost;
  }

  /** An attempt failed, and there will be another. */
  failing(problem: string): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#logger.warn(`Webhook ${this.name} fails and is tried again: ${problem}`);
  }

  /** A full queue let go of its oldest events. There may be many in a moment, so they are told together, later. */
  dropped(events: readonly QueuedEvent[]): void {
    if (events.length === 0) return;
    if (this.#dropped.size === 0) {
      this.#logger.warn(`Webhook ${this.name} does not keep up: its oldest events are dropped`);
    }
    this.#lost += events.length;
    count(events, this.#dropped);
  }

  /** A batch was taken. */
  arrived(events: readonly QueuedEvent[]): void {
    this.#delivered += events.length;
    if (this.#isFailing) this.#logger.log(`Webhook ${this.name} works again`);
    this.#isFailing = false;
    this.#tellDropped();
  }

  /** Events were given up. */
  givenUp(events: readonly QueuedEvent[], problem: string): void {
    this.#lost += events.length;
    this.#tellLost(count(events, new Map()), problem);
    this.#tellDropped();
  }

  #tellDropped(): void {
    if (this.#dropped.size === 0) return;
    this.#tellLost(this.#dropped, 'too many were waiting');
    this.#dropped.clear();
  }

  #tellLost(lost: Tally, problem: string): void {
    const events = [...lost].map(([name, times]) => `${times} ${name}`).join(', ');
    this.#logger.error(`Webhook ${this.name} has lost ${events}: ${problem}`);
  }
}

function count(events: readonly QueuedEvent[], tally: Tally): Tally {
  for (const { name } of events) tally.set(name, (tally.get(name) ?? 0) + 1);
  return tally;
}
