import type { Clock } from '../../../ports/clock.js';
import type { HistoryStatistics, HistoryStore, KeptEvent, Missed, Position } from '../../../ports/history.js';
import { shown } from '../../../ports/logger.js';
import type { SocketConfig } from '../../../ports/socket-config.js';
import { readPosition } from '../../../protocol/position.js';
import { run } from '../../../redis/redis-scripts.js';
import { readBusMessage } from '../bus-message.js';
import type { RedisKeys } from '../connection/redis-keys.js';
import type { RedisLink } from '../connection/redis-link.js';
import { type HistoryScripts, historyScripts } from '../scripts/history-scripts.js';
import { AppendBatch, type AppendOptions } from './append-batch.js';
import { AppendedBytes } from './appended-bytes.js';

/** How long the head of a log is remembered after the age of its last event or question, so that its positions stay valid. */
const HEAD_MS = 24 * 60 * 60 * 1_000;

/** The parts that a {@link RedisLog} works with. */
export interface RedisLogParts {
  readonly link: Pick<RedisLink, 'use' | 'gather'>;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly config: Pick<SocketConfig, 'history' | 'idempotencyS'>;
}

/** The outcome of an append. */
export interface Appended {
  readonly position: Position;
  /** Whether an event with the same key was there already. It keeps its position. */
  readonly isRepeated: boolean;
  /** The stamp of an event that a cache channel remembers. */
  readonly stamp: number | undefined;
}

/** The logs of all channels, in Redis: one script keeps events, gives them their positions, and publishes them. */
export class RedisLog implements HistoryStore {
  readonly #parts: RedisLogParts;
  readonly #scripts: HistoryScripts;
  readonly #batch: AppendBatch;
  readonly #appended: AppendedBytes;
  #dropped = 0;

  constructor(parts: RedisLogParts) {
    const { history, idempotencyS } = parts.config;
    const ageMs = history.ageS * 1_000;
    this.#parts = parts;
    this.#appended = new AppendedBytes(parts.clock, ageMs);
    this.#scripts = historyScripts({
      ageMs,
      headMs: HEAD_MS,
      events: history.channelEvents,
      bytes: history.channelBytes,
      keyMs: idempotencyS * 1_000,
    });
    this.#batch = new AppendBatch(parts.link, parts.keys, this.#scripts.append);
  }

  get statistics(): HistoryStatistics {
    const { events, bytes } = this.#appended;
    return { events, bytes, dropped: this.#dropped };
  }

  /**
   * Keeps an event after those of the calls before, and publishes it.
   *
   * @param message as `eventMessage` writes it
   * @throws ClusterUnreachableError when Redis cannot be reached
   */
  async append(channel: string, message: string, options: AppendOptions): Promise<Appended> {
    const { totalBytes } = this.#parts.config.history;
    const { length } = message;
    const isFull = totalBytes !== 0 && this.#appended.bytes + length > totalBytes;
    const reply = await this.#batch.add(channel, message, options, isFull);
    const [text, repeated, dropped, stamp = ''] = reply.split(' ');
    const position = readPosition(text);
    if (position === undefined) throw new TypeError(`Redis has a position that is none: ${shown(text)}`);
    const isRepeated = repeated === '1';
    if (dropped !== undefined) this.#dropped += Number(dropped);
    if (!isFull && !isRepeated) this.#appended.add(length);
    return { position, isRepeated, stamp: stamp === '' ? undefined : Number(stamp) };
  }

  async head(channel: string): Promise<Position> {
    return (await this.#since(channel, undefined, 0)).position;
  }

  since(channel: string, position: Position, limit: number): Promise<Missed> {
    return this.#since(channel, position, limit);
  }

  async latest(channel: string, before: Position | undefined, limit: number): Promise<readonly KeptEvent[]> {
    const [epoch, first, texts] = await this.#read('latest', channel, before, limit);
    return this.#eventsIn(texts, { epoch: String(epoch), offset: Number(first) });
  }

  async claim(recipient: string, key: string): Promise<boolean> {
    const { link, keys, config } = this.#parts;
    const windowMs = config.idempotencyS * 1_000;
    const set = await link.use(({ client }) =>
      client.set(keys.once(recipient, key), '', 'PX', windowMs, 'NX'),
    );
    return set !== null;
  }

  async release(recipient: string, key: string): Promise<void> {
    const { link, keys } = this.#parts;
    await link.use(({ client }) => client.del(keys.once(recipient, key)));
  }

  async #since(channel: string, position: Position | undefined, limit: number): Promise<Missed> {
    const [gap, epoch, offset, texts, start] = await this.#read('since', channel, position, limit);
    const head = { epoch: String(epoch), offset: Number(offset) };
    if (gap === 'trimmed') return { gap, position: head };
    if (gap === 'restarted')
      return { gap, position: head, start: { epoch: head.epoch, offset: Number(start) } };
    const from = position === undefined ? head : { epoch: head.epoch, offset: position.offset };
    const events = this.#eventsIn(texts, from);
    const last = events.at(-1)?.position ?? from;
    return { events, position: last, isComplete: last.offset === head.offset };
  }

  async #read(
    what: 'since' | 'latest',
    channel: string,
    position: Position | undefined,
    limit: number,
  ): Promise<readonly unknown[]> {
    const { epoch, offset } = position ?? { epoch: '', offset: 0 };
    const { link, keys } = this.#parts;
    const log = [keys.historyHead(channel), keys.historyLog(channel)];
    const reply: unknown = await link.use((redis) =>
      run(redis, this.#scripts[what], log, [redis.server, epoch, offset, limit]),
    );
    const [dropped, ...answer] = listIn(reply);
    this.#dropped += Number(dropped);
    return answer;
  }

  /** Events that follow on a position, in the present epoch: a log that goes on keeps what it had under the one before. */
  #eventsIn(texts: unknown, { epoch, offset }: Position): readonly KeptEvent[] {
    const time = this.#parts.clock.time();
    return listIn(texts).map((text, index) => {
      const read = readBusMessage(String(text), time);
      const isEvent = read?.kind === 'event';
      const { event, data, exceptSocketId } = isEvent ? read.message : NOTHING;
      const at = isEvent ? (read.at ?? time) : time;
      return { position: { epoch, offset: offset + index + 1 }, event, data, exceptSocketId, at };
    });
  }
}

/** Stands for a text in the log that no node of this cluster has written. No page has a handler for it. */
const NOTHING = { event: '', data: undefined, exceptSocketId: undefined };

function listIn(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}
