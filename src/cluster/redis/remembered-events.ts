import * as v from 'valibot';
import type { Clock } from '../../ports/clock.js';
import { CACHE_TTL_MS, type CachedEvent, type ChannelMessage } from '../../ports/cluster.js';

interface Remembered extends CachedEvent {
  /** Redis gives every event of the channel a higher stamp than the one before. */
  readonly stamp: number;
  /** Whether Redis did not get the event. Any event that Redis has replaces it. */
  readonly isUnsent: boolean;
}

const storedEvent = v.strictTuple([v.string(), v.nullable(v.string())]);

/**
 * The last events of those cache channels that have subscriptions on this node: a copy of what Redis has, kept up to date
 * by the events that arrive.
 */
export class RememberedEvents {
  readonly #clock: Clock;
  readonly #events = new Map<string, Remembered>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A channel's last event; `undefined` when there is none, or it has expired. */
  get(channel: string): CachedEvent | undefined {
    const event = this.#events.get(channel);
    return event !== undefined && event.expiresAt > this.#clock.now() ? event : undefined;
  }

  /** This node is sending an event. New subscribers of this node get it at once. */
  sending(channel: string, { event, data }: ChannelMessage): void {
    const stamp = this.#events.get(channel)?.stamp ?? 0;
    const expiresAt = this.#clock.now() + CACHE_TTL_MS;
    this.#events.set(channel, { event, data, stamp, expiresAt, isUnsent: false });
  }

  /** Redis did not get that event. New subscribers of this node still get it, until an event of Redis replaces it. */
  failed(channel: string): void {
    const event = this.#events.get(channel);
    if (event !== undefined) this.#events.set(channel, { ...event, isUnsent: true });
  }

  /** An event of Redis, with its stamp. It is ignored when a newer one is known. */
  sent(channel: string, { event, data }: ChannelMessage, stamp: number, ttlMs = CACHE_TTL_MS): void {
    const known = this.#events.get(channel);
    if (known !== undefined && !known.isUnsent && stamp <= known.stamp) return;
    this.#events.set(channel, { event, data, stamp, expiresAt: this.#clock.now() + ttlMs, isUnsent: false });
  }

  /** The event that Redis has stored of a channel. */
  stored(channel: string, text: string, ttlMs: number): void {
    const stored = readStored(text);
    if (stored !== undefined) {
      this.sent(channel, { ...stored, exceptSocketId: undefined }, stored.stamp, ttlMs);
    }
  }

  /** A channel's last event as Redis stores it, for a Redis that has lost it. */
  toStore(channel: string): { readonly text: string; readonly ttlMs: number } {
    const event = this.#events.get(channel);
    if (event === undefined) return { text: '', ttlMs: 0 };
    const ttlMs = Math.max(0, Math.floor(event.expiresAt - this.#clock.now()));
    return { text: `${event.stamp}${storedText(event)}`, ttlMs };
  }

  /** This node does not hear of the channel any more, so its copy would become outdated. */
  forget(channel: string): void {
    this.#events.delete(channel);
  }

  /** Forgets everything. */
  clear(): void {
    this.#events.clear();
  }
}

/** An event as Redis stores it, after its stamp. */
export function storedText({ event, data }: Pick<CachedEvent, 'event' | 'data'>): string {
  return JSON.stringify([event, data ?? null] satisfies v.InferInput<typeof storedEvent>);
}

/** Reads an event that Redis has stored, with its stamp; `undefined` when the text is anything else. */
export function readStored(
  text: string,
): { readonly event: string; readonly data: string | undefined; readonly stamp: number } | undefined {
  const [, stamp = '', json = ''] = /^(\d+)(\[.*)$/s.exec(text) ?? [];
  try {
    const [event, data] = v.parse(storedEvent, JSON.parse(json));
    return { event, data: data ?? undefined, stamp: Number(stamp) };
  } catch {
    return undefined;
  }
}
