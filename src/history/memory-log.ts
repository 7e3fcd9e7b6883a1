import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../ports/clock.js';
import type {
  EventLog,
  HistoryEvent,
  HistoryStatistics,
  KeptEvent,
  Missed,
  Position,
} from '../ports/history.js';
import type { SocketConfig } from '../ports/socket-config.js';
import { ChannelLog } from './channel-log.js';

/** How often what is too old is dropped, in milliseconds. */
const SWEEP_MS = 10_000;
/** How long a log is remembered after its last event, or its first question, so that its positions stay valid: for the age at least. */
const IDLE_MS = 60 * 60 * 1_000;
/** The size of a log without its events, more or less. */
const LOG_BYTES = 400;
/** The most claims that are remembered. The oldest are forgotten first. */
const MAX_CLAIMS = 100_000;

/** A log, and when it is forgotten unless it gets an event. */
interface Known {
  readonly log: ChannelLog;
  idleAt: number;
}

/** How an event is kept. */
export interface AppendOptions {
  /** Names an event that may come twice. @default undefined */
  readonly key?: string | undefined;
  /** Whether this process's gateway delivers it. */
  readonly isPublished: boolean;
}

/** The outcome of an append. */
export interface Appended {
  readonly position: Position;
  /** Whether an event with the same key was there already, and was delivered if this one is to be. It keeps its position. */
  readonly isRepeated: boolean;
}

/** The logs of all channels, in the memory of this process. They are lost with it. */
export class MemoryLog implements EventLog {
  readonly #config: Pick<SocketConfig, 'history' | 'idempotencyS'>;
  readonly #clock: Clock;
  /** In the order of their last events. */
  readonly #logs = new Map<string, Known>();
  /** Those that never had an event, in the order of the first questions. A stranger may cause them, so they give way first. */
  readonly #unused = new Map<string, Known>();
  readonly #claims = new Map<string, number>();
  readonly #holders: ((channel: string) => boolean)[] = [];
  /** Begins the epochs of this process: a text that no other process has. */
  readonly #epochBase = BigInt(`0x${randomBytes(8).toString('hex')}`).toString(36);
  #epochs = 0;
  #bytes = 0;
  #events = 0;
  #dropped = 0;
  #sweep: Timer | undefined;
  #isClosed = false;

  constructor(config: Pick<SocketConfig, 'history' | 'idempotencyS'>, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  get statistics(): HistoryStatistics {
    return { events: this.#events, bytes: this.#bytes, dropped: this.#dropped };
  }

  /**
   * Keeps an event, unless one with the same key was kept within the window of keys. Of two providers that share the log, the second
   * one finds it there.
   */
  append(channel: string, event: HistoryEvent, { key, isPublished }: AppendOptions): Appended {
    const now = this.#clock.now();
    const known = this.#of(channel, now);
    const { log } = known;
    const earlier = key === undefined ? undefined : log.positionOf(key, now);
    if (earlier !== undefined)
      return { position: earlier, isRepeated: !isPublished || log.isPublished(earlier) };
    const { ageS } = this.#config.history;
    const before = log.bytes;
    const position = log.append(event, this.#clock.time(), now + ageS * 1_000);
    this.#bytes += log.bytes - before;
    this.#events++;
    if (isPublished) log.isPublished(position);
    if (key !== undefined) log.remember(key, position, now + this.#config.idempotencyS * 1_000);
    known.idleAt = this.#idleAt(now);
    // The least recent one is the first that gives way.
    this.#logs.delete(channel);
    this.#unused.delete(channel);
    this.#logs.set(channel, known);
    this.#trim(log);
    return { position, isRepeated: false };
  }

  open(): void {
    // There is nothing to connect to.
  }

  async keep(channel: string, event: HistoryEvent, key: string | undefined): Promise<Position> {
    return this.append(channel, event, { key, isPublished: false }).position;
  }

  /** The live position of a channel. Its log begins with the first question about it. */
  headOf(channel: string): Position {
    return this.#of(channel, this.#clock.now()).log.head;
  }

  async head(channel: string): Promise<Position> {
    return this.headOf(channel);
  }

  async since(channel: string, position: Position, limit: number): Promise<Missed> {
    return this.#fresh(channel).since(position, limit);
  }

  async latest(channel: string, before: Position | undefined, limit: number): Promise<readonly KeptEvent[]> {
    return this.#fresh(channel).latest(before, limit);
  }

  async claim(recipient: string, key: string): Promise<boolean> {
    const now = this.#clock.now();
    const name = `${recipient} ${key}`;
    if ((this.#claims.get(name) ?? 0) > now) return false;
    this.#claims.delete(name);
    this.#claims.set(name, now + this.#config.idempotencyS * 1_000);
    for (const [oldest, expiresAt] of this.#claims) {
      if (this.#claims.size <= MAX_CLAIMS && expiresAt > now) break;
      this.#claims.delete(oldest);
    }
    return true;
  }

  async release(recipient: string, key: string): Promise<void> {
    this.#claims.delete(`${recipient} ${key}`);
  }

  /** Remembers the logs of channels for as long as this says so: they have subscribers. */
  holdWhile(isHeld: (channel: string) => boolean): void {
    this.#holders.push(isHeld);
  }

  /** Forgets everything, and stops the timer. */
  close(): void {
    this.#isClosed = true;
    this.#sweep?.cancel();
    this.#logs.clear();
    this.#unused.clear();
    this.#claims.clear();
  }

  /** The log of a channel, without what is too old. */
  #fresh(channel: string): ChannelLog {
    const now = this.#clock.now();
    const { log } = this.#of(channel, now);
    this.#expire(log, now);
    return log;
  }

  #of(channel: string, now: number): Known {
    const known = this.#logs.get(channel) ?? this.#unused.get(channel);
    if (known !== undefined) return known;
    const epoch = `${this.#epochBase}${(++this.#epochs).toString(36)}`;
    const made = { log: new ChannelLog(epoch), idleAt: this.#idleAt(now) };
    this.#unused.set(channel, made);
    this.#bytes += LOG_BYTES;
    this.#keepTotal();
    this.#sweepLater();
    return made;
  }

  #idleAt(now: number): number {
    return now + Math.max(IDLE_MS, this.#config.history.ageS * 1_000);
  }

  #trim(log: ChannelLog): void {
    const { channelEvents, channelBytes } = this.#config.history;
    while (
      (channelEvents !== 0 && log.size > channelEvents) ||
      (channelBytes !== 0 && log.bytes > channelBytes && log.size > 0)
    )
      this.#drop(log);
    this.#keepTotal();
  }

  /** Drops from the channels that had no event for the longest time, until the sum is within its bound. */
  #keepTotal(): void {
    const { totalBytes } = this.#config.history;
    if (totalBytes === 0) return;
    for (const logs of [this.#unused, this.#logs]) {
      for (const [channel, { log }] of logs) {
        if (this.#bytes <= totalBytes) return;
        while (this.#bytes > totalBytes && log.size > 0) this.#drop(log);
        if (this.#bytes > totalBytes) this.#forget(logs, channel);
      }
    }
  }

  #drop(log: ChannelLog): void {
    this.#bytes -= log.drop();
    this.#events--;
    this.#dropped++;
  }

  #expire(log: ChannelLog, now: number): void {
    const { events, bytes } = log.expire(now);
    this.#events -= events;
    this.#bytes -= bytes;
  }

  #forget(logs: Map<string, Known>, channel: string): void {
    logs.delete(channel);
    this.#bytes -= LOG_BYTES;
  }

  #sweepLater(): void {
    if (this.#isClosed) return;
    this.#sweep ??= this.#clock.after(SWEEP_MS, () => {
      this.#sweep = undefined;
      const now = this.#clock.now();
      for (const logs of [this.#unused, this.#logs]) {
        for (const [channel, { log, idleAt }] of logs) {
          this.#expire(log, now);
          if (log.isEmpty && idleAt <= now && !this.#holders.some((isHeld) => isHeld(channel)))
            this.#forget(logs, channel);
        }
      }
      if (this.#logs.size + this.#unused.size > 0) this.#sweepLater();
    });
  }
}
