import * as v from 'valibot';
import type { Clock } from '../../ports/clock.js';
import { type CachedEvent, CACHE_TTL_MS, type ChannelMessage } from '../../ports/cluster.js';

interface Remembered extends CachedEvent {
  /** Which of the channel's events it is: Redis gives every one a higher number. */
  readonly stamp: number;
  /** Whether only this node has it: what Redis has counts more. */
  readonly isUnsent: boolean;
}

const storedEvent = v.strictTuple([v.string(), v.nullable(v.string())]);

/**
 * What cache channels remember, of those with subscriptions on this node: a copy of what Redis has, kept by hearing every
 * event that is sent there.
 */
export class RememberedEvents {
  readonly #events = new Map<string, Remembered>();

  constructor(private readonly clock: Clock) {}

  get(channel: string): CachedEvent | undefined {
    const event = this.#events.get(channel);
    return event !== undefined && event.expiresAt > this.clock.now() ? event : undefined;
  }

  /** This node sends an event: whoever subscribes here hears it, whatever Redis makes of it. */
  sending(channel: string, { event, data }: ChannelMessage): void {
    const stamp = this.#events.get(channel)?.stamp ?? 0;
    const expiresAt = this.clock.now() + CACHE_TTL_MS;
    this.#events.set(channel, { event, data, stamp, expiresAt, isUnsent: false });
  }

  /** It did not arrive. Whoever subscribes here hears it all the same, until Redis is asked. */
  failed(channel: string): void {
    const event = this.#events.get(channel);
    if (event !== undefined) this.#events.set(channel, { ...event, isUnsent: true });
  }

  /** An event has its number. */
  sent(channel: string, { event, data }: ChannelMessage, stamp: number, ttlMs = CACHE_TTL_MS): void {
    const known = this.#events.get(channel);
    if (known !== undefined && !known.isUnsent && stamp <= known.stamp) return;
    this.#events.set(channel, { event, data, stamp, expiresAt: this.clock.now() + ttlMs, isUnsent: false });
  }

  /** What Redis has of a channel. */
  stored(channel: string, text: string, ttlMs: number): void {
    const stored = readStored(text);
    if (stored !== undefined)
      this.sent(channel, { ...stored, exceptSocketId: undefined }, stored.stamp, ttlMs);
  }

  /** What is remembered, as Redis stores it: for a Redis that has lost it. */
  toStore(channel: string): { readonly text: string; readonly ttlMs: number } {
    const event = this.#events.get(channel);
    if (event === undefined) return { text: '', ttlMs: 0 };
    const ttlMs = Math.max(0, Math.floor(event.expiresAt - this.clock.now()));
    return { text: `${event.stamp}${storedText(event)}`, ttlMs };
  }

  /** Nobody here hears the channel any more, so nothing more is known of it. */
  forget(channel: string): void {
    this.#events.delete(channel);
  }

  clear(): void {
    this.#events.clear();
  }
}

/** An event as Redis stores it behind its number. */
export function storedText({ event, data }: Pick<CachedEvent, 'event' | 'data'>): string {
  return JSON.stringify([event, data ?? null] satisfies v.InferInput<typeof storedEvent>);
}

/** Reads what Redis stores; nothing where it is something else. */
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
