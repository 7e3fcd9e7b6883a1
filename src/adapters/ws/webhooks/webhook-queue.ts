import type { ChannelEvent, ChannelEventName } from '../../../ports/channel-events.js';
import { channelType } from '../../../protocol/channel-name.js';
import type { WebhookLimits } from './webhook-limits.js';

/** A queued event, serialized once for all URLs. */
export interface QueuedEvent {
  readonly name: ChannelEventName;
  /** The kind of events that it competes with for room. */
  readonly kind: string;
  readonly json: string;
  readonly bytes: number;
}

/** Opposite events share one kind: a later `channel_vacated` must not be dropped before an earlier `channel_occupied`. */
const KINDS: Readonly<Record<ChannelEventName, string>> = {
  channel_occupied: 'occupancy',
  channel_vacated: 'occupancy',
  member_added: 'members',
  member_removed: 'members',
  client_event: 'client events',
  cache_miss: 'cache misses',
  subscription_count: 'counts',
};

/** Serializes an event for webhooks. */
export function queuedEvent(event: ChannelEvent): QueuedEvent {
  const json = JSON.stringify(event);
  // Anybody can cause events of public channels. For the others a client needs a signature.
  const kind = `${channelType(event.channel).access} ${KINDS[event.name]}`;
  return { name: event.name, kind, json, bytes: Buffer.byteLength(json) };
}

/** The queued events of one kind, oldest first, each with its number among the events of all kinds. */
class KindQueue {
  readonly events: { readonly number: number; readonly event: QueuedEvent }[] = [];
  bytes = 0;
}

/**
 * The events that wait to be sent to one URL, in order. A full queue drops its oldest events: the latest events of a channel
 * describe its present state, so a receiver that recovers ends up with the right state. It drops from the kind with the most
 * queued events, so that a client who causes many events of one kind cannot crowd out the other kinds.
 */
export class WebhookQueue {
  readonly #limits: WebhookLimits;
  readonly #kinds = new Map<string, KindQueue>();
  #nextNumber = 0;
  #size = 0;
  #bytes = 0;

  constructor(limits: WebhookLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  /** @returns the events that were dropped to make room */
  add(event: QueuedEvent): readonly QueuedEvent[] {
    const queue = this.#kinds.get(event.kind) ?? new KindQueue();
    this.#kinds.set(event.kind, queue);
    queue.events.push({ number: this.#nextNumber++, event });
    queue.bytes += event.bytes;
    this.#size++;
    this.#bytes += event.bytes;
    const dropped: QueuedEvent[] = [];
    while (this.#size > this.#limits.queuedEvents || this.#bytes > this.#limits.queuedBytes) {
      const oldest = this.#take(this.#longest());
      if (oldest === undefined) break;
      dropped.push(oldest);
    }
    return dropped;
  }

  /** Takes as many of the oldest events as one request carries. */
  takeBatch(): readonly QueuedEvent[] {
    const { batchEvents, batchBytes } = this.#limits;
    const batch: QueuedEvent[] = [];
    let bytes = 0;
    while (batch.length < batchEvents) {
      const queue = this.#oldest();
      bytes += queue?.events[0]?.event.bytes ?? 0;
      // An event that alone exceeds the limit is sent alone.
      if (bytes > batchBytes && batch.length > 0) break;
      const event = this.#take(queue);
      if (event === undefined) break;
      batch.push(event);
    }
    return batch;
  }

  takeAll(): readonly QueuedEvent[] {
    const all: QueuedEvent[] = [];
    for (let event = this.#take(this.#oldest()); event !== undefined; event = this.#take(this.#oldest())) {
      all.push(event);
    }
    return all;
  }

  /** Takes the first event of a kind. `shift` is cheap on a long array, where `splice` moves all of it. */
  #take(queue: KindQueue | undefined): QueuedEvent | undefined {
    const event = queue?.events.shift()?.event;
    if (queue === undefined || event === undefined) return undefined;
    queue.bytes -= event.bytes;
    this.#size--;
    this.#bytes -= event.bytes;
    return event;
  }

  /** The kind with the oldest event. A search is cheap, because there are only a few kinds. */
  #oldest(): KindQueue | undefined {
    return this.#best(({ events }) => -(events[0]?.number ?? Number.POSITIVE_INFINITY));
  }

  /** The kind that takes the most room: in events when there are too many events, otherwise in bytes. */
  #longest(): KindQueue | undefined {
    const isTooMany = this.#size > this.#limits.queuedEvents;
    return this.#best(({ events, bytes }) => (isTooMany ? events.length : bytes));
  }

  #best(rate: (queue: KindQueue) => number): KindQueue | undefined {
    let best: KindQueue | undefined;
    for (const queue of this.#kinds.values()) {
      if (best === undefined || rate(queue) > rate(best)) best = queue;
    }
    return best;
  }
}
