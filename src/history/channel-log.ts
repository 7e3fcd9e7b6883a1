import type { HistoryEvent, KeptEvent, Missed, Position } from '../ports/history.js';

/** The size of an event without its texts, more or less. */
const EVENT_BYTES = 200;
/** So many dropped events stay in the list before it is shortened. */
const SLACK = 64;

/** An event as a log in memory has it. */
interface Entry extends KeptEvent {
  readonly bytes: number;
  /** When it is too old, in milliseconds of `Clock.now()`. */
  readonly expiresAt: number;
}

/** The log of one channel, in the memory of this process. */
export class ChannelLog {
  readonly #epoch: string;
  /** The entries, the oldest first. Those before `#first` are dropped. */
  #entries: (Entry | undefined)[] = [];
  #first = 0;
  #offset = 0;
  #bytes = 0;
  /** The offset of the last event that this process's gateway has delivered. */
  #published = 0;
  /** The positions of relays whose keys may come again, each with when it is forgotten. */
  #keys: Map<string, { readonly position: Position; readonly expiresAt: number }> | undefined;

  constructor(epoch: string) {
    this.#epoch = epoch;
  }

  /** How many events it has. */
  get size(): number {
    return this.#entries.length - this.#first;
  }

  /** The bytes of its events. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The live position. */
  get head(): Position {
    return { epoch: this.#epoch, offset: this.#offset };
  }

  /** Whether it has neither events nor keys. */
  get isEmpty(): boolean {
    return this.size === 0 && (this.#keys === undefined || this.#keys.size === 0);
  }

  /** Keeps an event. @returns the position after it */
  append({ event, data, exceptSocketId }: HistoryEvent, at: number, expiresAt: number): Position {
    const position = { epoch: this.#epoch, offset: ++this.#offset };
    const bytes = EVENT_BYTES + event.length + (data?.length ?? 0);
    this.#entries.push({ position, event, data, exceptSocketId, at, bytes, expiresAt });
    this.#bytes += bytes;
    return position;
  }

  /** Notes that the gateway of this process delivers an event. @returns whether it did so before */
  isPublished({ offset }: Position): boolean {
    if (offset <= this.#published) return true;
    this.#published = offset;
    return false;
  }

  /** The position of the event that came with a key; `undefined` for a new key. */
  positionOf(key: string, now: number): Position | undefined {
    const known = this.#keys?.get(key);
    return known !== undefined && known.expiresAt > now ? known.position : undefined;
  }

  /** Remembers the key of an event. */
  remember(key: string, position: Position, expiresAt: number): void {
    // In the order of their ends, so that the oldest are found at once.
    this.#keys ??= new Map();
    this.#keys.delete(key);
    this.#keys.set(key, { position, expiresAt });
  }

  /** Drops the oldest event. @returns its bytes; 0 when there is none */
  drop(): number {
    const entry = this.#entries[this.#first];
    if (entry === undefined) return 0;
    this.#entries[this.#first++] = undefined;
    if (this.#first >= SLACK && this.#first * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    this.#bytes -= entry.bytes;
    return entry.bytes;
  }

  /** Drops what is too old. @returns the events and bytes that were dropped */
  expire(now: number): { readonly events: number; readonly bytes: number } {
    let events = 0;
    let bytes = 0;
    for (let oldest = this.#oldest; oldest !== undefined && oldest.expiresAt <= now; oldest = this.#oldest) {
      bytes += this.drop();
      events++;
    }
    for (const [key, { expiresAt }] of this.#keys ?? []) {
      if (expiresAt > now) break;
      this.#keys?.delete(key);
    }
    return { events, bytes };
  }

  /** The events after a position; see `HistoryReader.since`. */
  since(position: Position, limit: number): Missed {
    const { head } = this;
    if (position.epoch !== this.#epoch || position.offset > this.#offset)
      return { gap: 'restarted', position: head };
    if (position.offset < this.#offset - this.size) return { gap: 'trimmed', position: head };
    const start = this.#entries.length - (this.#offset - position.offset);
    const events = this.#slice(start, limit === 0 ? this.#entries.length : start + limit);
    const last = events.at(-1)?.position ?? position;
    return { events, position: last, isComplete: last.offset === this.#offset };
  }

  /** The last events before a position; see `HistoryReader.latest`. */
  latest(before: Position | undefined, limit: number): readonly KeptEvent[] {
    if (before !== undefined && before.epoch !== this.#epoch) return [];
    const newer = before === undefined ? 0 : Math.max(0, this.#offset - before.offset + 1);
    const end = this.#entries.length - newer;
    return this.#slice(limit === 0 ? this.#first : Math.max(this.#first, end - limit), end);
  }

  get #oldest(): Entry | undefined {
    return this.#entries[this.#first];
  }

  #slice(start: number, end: number): readonly KeptEvent[] {
    return this.#entries
      .slice(Math.max(start, this.#first), Math.max(0, end))
      .filter((entry) => entry !== undefined);
  }
}
