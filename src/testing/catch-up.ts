import type { ReceivedFrame } from '../adapters/memory/memory-connection.js';
import type { HistoryReader, KeptEvent, Position } from '../ports/history.js';
import { decoded } from '../protocol/encryption.js';
import { readPosition } from '../protocol/position.js';

/** Events of a channel that a browser has missed for good. */
export interface FakeGap {
  readonly channel: string;
  /**
   * `trimmed`: the history does not reach back so far. `restarted`: it is another history. `refused`: the authorizer does not admit the
   * member any more.
   */
  readonly reason: 'trimmed' | 'restarted' | 'refused';
}

/** A frame that came while a browser caught up, with the positions before and after it. */
interface HeldFrame {
  readonly frame: ReceivedFrame;
  readonly before: Position;
  readonly position: Position;
}

/** A channel with history, as a browser has it. */
interface Followed {
  /** The position up to which the browser has every event. */
  known: Position;
  /** The position up to which this connection has told of events. */
  heard: Position;
  /** Whether the browser is not live yet since it has come back. An event that comes meanwhile is one that the channel remembers. */
  isAway: boolean;
  /** The remembered event of a cache channel, which is among those that were missed unless there is a gap. */
  cached: ReceivedFrame | undefined;
  /** Frames that wait until the missed ones are there; `undefined` while nothing is missing. */
  held: HeldFrame[] | undefined;
}

/** The events of one page in the history; a page that catches up asks for the next until it has all. */
const PAGE_EVENTS = 100;

/**
 * Knows up to which position a browser of the fake has its channels, and hands it what it has missed, before newer events, as the
 * browser helper does.
 */
export class CatchUp {
  /** The gaps so far, the oldest first. */
  readonly gaps: FakeGap[] = [];
  readonly #history: HistoryReader | undefined;
  readonly #hand: (frame: ReceivedFrame) => void;
  readonly #channels = new Map<string, Followed>();
  /** Of all connections that the browser has had. */
  readonly #socketIds = new Set<string>();
  readonly #running = new Set<Promise<void>>();

  /**
   * @param history the logs of the provider
   * @param hand called with each event once, in their order
   */
  constructor(history: HistoryReader | undefined, hand: (frame: ReceivedFrame) => void) {
    this.#history = history;
    this.#hand = hand;
  }

  /** The browser has a new connection, and is live on no channel yet. */
  connected(socketId: string): void {
    this.#socketIds.add(socketId);
    // An object of its own: what the last connection was catching up with is asked for again.
    for (const [channel, { known }] of this.#channels)
      this.#channels.set(channel, { known, heard: known, isAway: true, cached: undefined, held: undefined });
  }

  /** Takes an event of a channel. */
  take(frame: ReceivedFrame): void {
    const followed = this.#channels.get(frame.channel ?? '');
    if (followed === undefined || frame.event.startsWith('client-')) this.#hand(frame);
    else if (followed.isAway) followed.cached = frame;
    else {
      const before = followed.heard;
      followed.heard = { ...before, offset: before.offset + 1 };
      this.#step(followed, { frame, before, position: followed.heard });
    }
  }

  /** Takes the frame that tells from which position on every event comes. */
  live(channel: string, data: unknown): void {
    const fields = Object(decoded(data)) as Readonly<Record<string, unknown>>;
    const [position, follows] = [readPosition(fields['position']), readPosition(fields['follows'])];
    if (position === undefined) return;
    const followed = this.#channels.get(channel);
    if (followed === undefined) {
      const nothing = { isAway: false, cached: undefined, held: undefined };
      this.#channels.set(channel, { known: position, heard: position, ...nothing });
      return;
    }
    followed.heard = position;
    followed.isAway = false;
    // The answer that it waits for goes beyond this.
    if (followed.held !== undefined) return;
    if ([position, follows].some((at) => at !== undefined && isSame(followed.known, at))) {
      followed.known = position;
      followed.cached = undefined;
      return;
    }
    const running = this.#run(channel, followed).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** The browser is on a channel no more, by its own will or the application's. */
  left(channel: string): void {
    this.#channels.delete(channel);
  }

  /** The browser may not come back to a channel. */
  refused(channel: string): void {
    if (this.#channels.delete(channel)) this.gaps.push({ channel, reason: 'refused' });
  }

  /** Resolves when nothing is missing on any channel. Rejects when the history could not be read. */
  async done(): Promise<void> {
    await Promise.all(this.#running);
  }

  #step(followed: Followed, held: HeldFrame): void {
    if (followed.held !== undefined) followed.held.push(held);
    else if (!reaches(followed.known, held.position)) {
      followed.known = held.position;
      this.#hand(held.frame);
    }
  }

  async #run(channel: string, followed: Followed): Promise<void> {
    followed.held = [];
    const isOver = () => this.#channels.get(channel) !== followed;
    for (let isComplete = false; !isComplete;) {
      const missed = await this.#history?.since(channel, followed.known, PAGE_EVENTS);
      if (missed === undefined || isOver()) return;
      if (missed.gap === undefined) {
        this.#handOn(channel, missed.events);
        followed.known = missed.position;
        isComplete = missed.isComplete;
      } else {
        this.gaps.push({ channel, reason: missed.gap });
        followed.known = followed.held[0]?.before ?? followed.heard;
        if (followed.cached !== undefined) this.#hand(followed.cached);
        isComplete = true;
      }
    }
    const { held } = followed;
    followed.held = undefined;
    followed.cached = undefined;
    for (const frame of held) this.#step(followed, frame);
  }

  #handOn(channel: string, events: readonly KeptEvent[]): void {
    for (const { event, data, exceptSocketId } of events) {
      const isLeftOut = exceptSocketId !== undefined && this.#socketIds.has(exceptSocketId);
      if (!isLeftOut) this.#hand({ event, channel, ...(data !== undefined && { data }) });
    }
  }
}

function isSame(a: Position, b: Position): boolean {
  return a.epoch === b.epoch && a.offset === b.offset;
}

/** Whether a position is another one of the same log, or a later one. */
function reaches(position: Position, other: Position): boolean {
  return position.epoch === other.epoch && position.offset >= other.offset;
}
