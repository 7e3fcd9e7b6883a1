import type { Clock, Timer } from '../../../ports/clock.js';
import type { ChannelMessage, ClusterNode } from '../../../ports/cluster.js';
import type { HistoryReader, KeptEvent, Position } from '../../../ports/history.js';

/** Messages of several nodes overtake each other by less than this, in milliseconds. */
const LATE_MS = 100;
/** When the log could not be read, it is read again after this time. */
const RETRY_MS = 1_000;
/** So many events may wait for an earlier one. With more, the log is read at once. */
const MAX_EARLY = 10_000;

/** An event that came before an earlier one. */
interface Early {
  readonly message: ChannelMessage;
  readonly position: Position;
  /** How many times the log had been read, or was being read, when it came. */
  readonly reads: number;
}

/** The parts that all feeds of a node share. */
export interface FeedParts {
  readonly log: Pick<HistoryReader, 'head' | 'since' | 'latest'>;
  readonly clock: Clock;
  readonly self: Pick<ClusterNode, 'deliver' | 'live'>;
}

/**
 * Delivers the events of one channel with history to this node's subscribers: each once, and in the order of the positions. Events come
 * from the bus, and from this node's own appends. One that is missing is read from the log, before anything newer is delivered.
 */
export class HistoryFeed {
  readonly #channel: string;
  readonly #parts: FeedParts;
  /** The position up to which everything is delivered; `undefined` before the first look at the log. */
  #position: Position | undefined;
  /** Events that came before an earlier one, by their offsets. */
  readonly #early = new Map<number, Early>();
  readonly #waiting: (() => void)[] = [];
  #reading: Promise<void> | undefined;
  #reads = 0;
  /** When the first subscription was answered without a position, in milliseconds since the epoch. */
  #answeredAt: number | undefined;
  #isReadAgain = false;
  #timer: Timer | undefined;
  #isListening = false;
  #isClosed = false;

  constructor(channel: string, parts: FeedParts) {
    this.#channel = channel;
    this.#parts = parts;
  }

  get position(): Position | undefined {
    return this.#position;
  }

  /** Calls when the position is known, or the log could not be read. */
  whenKnown(call: () => void): void {
    if (this.#position !== undefined || this.#reading === undefined) call();
    else this.#waiting.push(call);
  }

  /**
   * A subscription is answered. While the position is unknown, because Redis cannot be reached, its subscriber is promised every event
   * from this time on.
   */
  answered(): void {
    if (this.#position === undefined) this.#answeredAt ??= this.#parts.clock.time();
  }

  /** An event of the channel, from any node. */
  heard(message: ChannelMessage): void {
    const { position } = message;
    if (position === undefined) return;
    const last = this.#position;
    if (last === undefined || this.#reading !== undefined || position.epoch !== last.epoch) {
      this.#keepEarly(message, position);
      if (last !== undefined && this.#reading === undefined) this.#read();
      return;
    }
    if (position.offset <= last.offset) return;
    if (position.offset > last.offset + 1) {
      this.#keepEarly(message, position);
      if (this.#early.size > MAX_EARLY) this.#read();
      else this.#readAfter(LATE_MS);
      return;
    }
    this.#deliver(message, position);
    if (this.#early.size > 0) this.#deliverEarly();
  }

  /** Whether this node hears the channel's events. */
  get isListening(): boolean {
    return this.#isListening;
  }

  /** This node hears the channel's events from now on, and may have missed some before. */
  listen(): void {
    this.#isListening = true;
    this.#read();
  }

  /** Events may have been missed, or an append has failed, and may be in the log. Reads what is missing. */
  refresh(): void {
    this.#read();
  }

  /** Looks at the log once, so that Redis does not forget the log of a quiet channel; and what was missed comes. Never rejects. */
  async renew(): Promise<void> {
    this.#read();
    await this.#reading;
  }

  /** Delivers nothing more. */
  close(): void {
    this.#isClosed = true;
    this.#stopTimer();
    this.#early.clear();
    this.#known();
  }

  #deliver(message: ChannelMessage, position: Position): void {
    this.#position = position;
    this.#parts.self.deliver(this.#channel, message);
  }

  #keepEarly(message: ChannelMessage, position: Position): void {
    this.#early.set(position.offset, { message, position, reads: this.#reads });
  }

  /** Delivers what came early, as far as nothing is missing before it. */
  #deliverEarly(): void {
    for (let last = this.#position; last !== undefined; last = this.#position) {
      const next = this.#early.get(last.offset + 1);
      if (next?.position.epoch !== last.epoch) break;
      this.#early.delete(next.position.offset);
      this.#deliver(next.message, next.position);
    }
    this.#dropLate();
    if (this.#early.size > 0) this.#readAfter(LATE_MS);
    else this.#stopTimer();
  }

  /** Drops the events that are delivered already, and those of an epoch that the log had left when it was read last. */
  #dropLate(): void {
    const last = this.#position;
    if (last === undefined) return;
    for (const [offset, { position, reads }] of this.#early) {
      const isKnown = position.epoch === last.epoch && offset <= last.offset;
      const isOfEarlierEpoch = position.epoch !== last.epoch && reads < this.#reads;
      if (isKnown || isOfEarlierEpoch) this.#early.delete(offset);
    }
  }

  #readAfter(milliseconds: number): void {
    this.#timer ??= this.#parts.clock.after(milliseconds, () => {
      this.#read();
    });
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #read(): void {
    if (this.#isClosed) return;
    if (this.#reading !== undefined) {
      this.#isReadAgain = true;
      return;
    }
    this.#stopTimer();
    this.#reads++;
    this.#reading = this.#readLog().then(
      () => {
        this.#ended(false);
      },
      () => {
        this.#ended(true);
      },
    );
  }

  #ended(hasFailed: boolean): void {
    this.#reading = undefined;
    if (this.#isClosed) return;
    this.#known();
    if (this.#isReadAgain) {
      this.#isReadAgain = false;
      this.#read();
    } else if (hasFailed) this.#readAfter(RETRY_MS);
    else this.#deliverEarly();
  }

  async #readLog(): Promise<void> {
    const { log, self } = this.#parts;
    const from = this.#position;
    if (from === undefined) {
      const answeredAt = this.#answeredAt;
      const head = await log.head(this.#channel);
      const start = answeredAt === undefined ? head : await this.#startBefore(head, answeredAt);
      if (this.#isClosed) return;
      this.#startAt(start);
      this.#isReadAgain ||= start.offset < head.offset;
      return;
    }
    const missed = await log.since(this.#channel, from, 0);
    if (this.#isClosed) return;
    if (missed.gap !== undefined) {
      this.#startAt(missed.start ?? missed.position);
      // Everything that a new log has had is new to this node's subscribers.
      this.#isReadAgain ||= missed.start !== undefined;
      return;
    }
    const { epoch } = missed.position;
    if (epoch !== from.epoch) {
      this.#position = { epoch, offset: from.offset };
      self.live(this.#channel, this.#position, from);
    }
    this.#deliverAll(missed.events);
  }

  /** The position before the first event that subscribers were promised: one kept since then, or one that this node has heard. */
  async #startBefore({ epoch, offset }: Position, answeredAt: number): Promise<Position> {
    const kept = await this.#parts.log.latest(this.#channel, undefined, 0);
    const promised = [...kept.filter(({ at }) => at >= answeredAt), ...this.#early.values()];
    const first = promised
      .filter(({ position }) => position.epoch === epoch)
      .reduce((least, { position }) => Math.min(least, position.offset), offset + 1);
    return { epoch, offset: first - 1 };
  }

  #deliverAll(events: readonly KeptEvent[]): void {
    for (const { event, data, exceptSocketId, position } of events)
      this.#deliver({ event, data, exceptSocketId, position }, position);
  }

  /** Events before this position are lost for this node's subscribers, who are told where they are. */
  #startAt(position: Position): void {
    this.#position = position;
    this.#parts.self.live(this.#channel, position);
  }

  #known(): void {
    for (const call of this.#waiting.splice(0)) call();
  }
}
