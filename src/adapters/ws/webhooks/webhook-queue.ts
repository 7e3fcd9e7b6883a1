import type { ChannelEvent, ChannelEventName } from '../../../ports/channel-events.js';
import { channelType } from '../../../protocol/channel-name.js';
import type { WebhookLimits } from './webhook-limits.js';

/** An event as it waits, written once for all URLs. */
export interface QueuedEvent {
  readonly name: ChannelEventName;
  /** The events that it competes with for room. */
  readonly kind: string;
  readonly json: string;
  readonly bytes: number;
}

/** Coming and going are of one kind: the last word on a channel must not be dropped before the first. */
const KINDS: Readonly<Record<ChannelEventName, string>> = {
  channel_occupied: 'occupancy',
  channel_vacated: 'occupancy',
  member_added: 'members',
  member_removed: 'members',
  client_event: 'client events',
  cache_miss: 'cache misses',
  subscription_count: 'counts',
};

/** Writes an event as webhooks carry it. */
export function queuedEvent(event: ChannelEvent): QueuedEvent {
  const json = JSON.stringify(event);
  // Strangers bring about events of public channels, and of no others.
  const kind = `${channelType(event.channel).access} ${KINDS[event.name]}`;
  return { name: event.name, kind, json, bytes: Buffer.byteLength(json) };
}

/** The events of one kind that wait, oldest first, each with its place among those of all kinds. */
class Line {
  readonly events: { readonly place: number; readonly event: QueuedEvent }[] = [];
  bytes = 0;
}

/**
 * What waits to be sent to one URL, in order. When it is full the oldest events go: the latest on a channel say how
 * things are now, so a receiver that comes back ends up right. They are the oldest of that kind of which the most wait, so
 * that whoever can bring about events of one kind, in any number, crowds out no other.
 */
export class WebhookQueue {
  readonly #limits: WebhookLimits;
  readonly #lines = new Map<string, Line>();
  #places = 0;
  #size = 0;
  #bytes = 0;

  constructor(limits: WebhookLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  /** @returns the events that had to go for it */
  add(event: QueuedEvent): readonly QueuedEvent[] {
    const line = this.#lines.get(event.kind) ?? new Line();
    this.#lines.set(event.kind, line);
    line.events.push({ place: this.#places++, event });
    line.bytes += event.bytes;
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
      const line = this.#oldest();
      bytes += line?.events[0]?.event.bytes ?? 0;
      // One that is longer than a request may be goes alone.
      if (bytes > batchBytes && batch.length > 0) break;
      const event = this.#take(line);
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

  /** Takes the first event of a line. shift costs nothing on a long array, where splice moves all of it. */
  #take(line: Line | undefined): QueuedEvent | undefined {
    const event = line?.events.shift()?.event;
    if (line === undefined || event === undefined) return undefined;
    line.bytes -= event.bytes;
    this.#size--;
    this.#bytes -= event.bytes;
    return event;
  }

  /** The line with the event that has waited for the longest. There are no more than some ten. */
  #oldest(): Line | undefined {
    return this.#best(({ events }) => -(events[0]?.place ?? Number.POSITIVE_INFINITY));
  }

  /** The line that has the most of what there is too much of. */
  #longest(): Line | undefined {
    const isTooMany = this.#size > this.#limits.queuedEvents;
    return this.#best(({ events, bytes }) => (isTooMany ? events.length : bytes));
  }

  #best(rate: (line: Line) => number): Line | undefined {
    let best: Line | undefined;
    for (const line of this.#lines.values()) {
      if (best === undefined || rate(line) > rate(best)) best = line;
    }
    return best;
  }
}
