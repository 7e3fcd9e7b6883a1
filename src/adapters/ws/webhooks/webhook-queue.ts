import type { ChannelEvent, ChannelEventName } from '../../../ports/channel-events.js';
import type { WebhookLimits } from './webhook-limits.js';

/** An event as it waits, written once for all URLs. */
export interface QueuedEvent {
  readonly name: ChannelEventName;
  readonly json: string;
  readonly bytes: number;
}

/** Writes an event as webhooks carry it. */
export function queuedEvent(event: ChannelEvent): QueuedEvent {
  const json = JSON.stringify(event);
  return { name: event.name, json, bytes: Buffer.byteLength(json) };
}

/**
 * What waits to be sent to one URL, in order. When it is full the oldest events go: the latest on a channel say how
 * things are now, so a receiver that comes back ends up right.
 */
export class WebhookQueue {
  readonly #events: QueuedEvent[] = [];
  #bytes = 0;

  constructor(private readonly limits: WebhookLimits) {}

  get size(): number {
    return this.#events.length;
  }

  /** @returns the events that had to go for it */
  add(event: QueuedEvent): readonly QueuedEvent[] {
    this.#events.push(event);
    this.#bytes += event.bytes;
    const dropped: QueuedEvent[] = [];
    while (this.size > this.limits.queuedEvents || this.#bytes > this.limits.queuedBytes) {
      // shift costs nothing on a long array, where splice moves all of it: a full queue must not slow the engine down.
      const oldest = this.#events.shift();
      if (oldest === undefined) break;
      this.#bytes -= oldest.bytes;
      dropped.push(oldest);
    }
    return dropped;
  }

  /** Takes as many of the oldest events as one request carries. */
  takeBatch(): readonly QueuedEvent[] {
    const { batchEvents, batchBytes } = this.limits;
    let bytes = 0;
    const tooMany = this.#events.findIndex(
      (event, index) => (bytes += event.bytes) > batchBytes || index === batchEvents,
    );
    return this.#remove(tooMany === -1 ? this.size : Math.max(tooMany, 1));
  }

  takeAll(): readonly QueuedEvent[] {
    return this.#remove(this.size);
  }

  #remove(count: number): readonly QueuedEvent[] {
    const removed = this.#events.splice(0, count);
    for (const { bytes } of removed) this.#bytes -= bytes;
    return removed;
  }
}
