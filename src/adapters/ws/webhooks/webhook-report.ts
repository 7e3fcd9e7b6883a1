import type { ChannelEventName } from '../../../ports/channel-events.js';
import type { SocketLogger } from '../../../ports/logger.js';
import type { QueuedEvent } from './webhook-queue.js';

/** The number of events of each name. */
type EventCounts = Map<ChannelEventName, number>;

/** Counts the outcomes of one URL's events, and logs each change of its state and each loss once. */
export class WebhookReport {
  readonly #logger: SocketLogger;
  #delivered = 0;
  #lost = 0;
  #isFailing = false;
  /** The events that a full queue has dropped since the last log line about them. */
  readonly #dropped: EventCounts = new Map();

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

  /** An attempt failed, and will be repeated. */
  onRetrying(problem: string): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#logger.warn(`Webhook ${this.name} fails and is tried again: ${problem}`);
  }

  /** A full queue dropped its oldest events. There may be many at once, so they are logged together, later. */
  onDropped(events: readonly QueuedEvent[]): void {
    if (events.length === 0) return;
    if (this.#dropped.size === 0) {
      this.#logger.warn(`Webhook ${this.name} does not keep up: its oldest events are dropped`);
    }
    this.#lost += events.length;
    addCounts(events, this.#dropped);
  }

  /** The receiver accepted a batch. */
  onDelivered(events: readonly QueuedEvent[]): void {
    this.#delivered += events.length;
    if (this.#isFailing) this.#logger.log(`Webhook ${this.name} works again`);
    this.#isFailing = false;
    this.#logDropped();
  }

  /** Events are lost: they will not be tried again. */
  onLost(events: readonly QueuedEvent[], problem: string): void {
    this.#lost += events.length;
    this.#logLost(addCounts(events, new Map()), problem);
    this.#logDropped();
  }

  #logDropped(): void {
    if (this.#dropped.size === 0) return;
    this.#logLost(this.#dropped, 'too many were waiting');
    this.#dropped.clear();
  }

  #logLost(lost: EventCounts, problem: string): void {
    const events = [...lost].map(([name, times]) => `${times} ${name}`).join(', ');
    this.#logger.error(`Webhook ${this.name} has lost ${events}: ${problem}`);
  }
}

function addCounts(events: readonly QueuedEvent[], counts: EventCounts): EventCounts {
  for (const { name } of events) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
