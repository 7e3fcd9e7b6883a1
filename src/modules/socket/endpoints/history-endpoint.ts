import { HistoryRules } from '../../../history/history-rules.js';
import type { CallerAuthorization } from '../../../ports/callers.js';
import { systemClock } from '../../../ports/clock.js';
import { messageOf } from '../../../ports/errors.js';
import type { HistoryReader, KeptEvent, Missed, Position } from '../../../ports/history.js';
import type { HttpRequest } from '../../../ports/http-request.js';
import { shown } from '../../../ports/logger.js';
import { Refusal } from '../../../ports/refusal.js';
import { RepeatedLines } from '../../../ports/repeated-lines.js';
import {
  channelNameProblem,
  channelType,
  isUserChannel,
  userChannel,
} from '../../../protocol/channel-name.js';
import { positionText, readPosition } from '../../../protocol/position.js';
import { isSocketId } from '../../../protocol/socket-id.js';
import type { SocketRuntime } from '../../../runtime/socket-runtime.js';
import { socketLog } from '../socket-log.js';

/** The most events of one answer, also where the setting allows any number. */
const ANSWER_EVENTS = 1_000;
/** The bytes of events after which an answer ends. Its first event may be larger. */
const ANSWER_BYTES = 1_048_576;
/** The most socket ids that a page may have had. */
const SOCKET_IDS = 20;
/** The caller's signature is thrown away, so it may be for any connection. */
const NO_CONNECTION = '0.0';

/** An event in an answer. */
interface AnsweredEvent {
  readonly position: string;
  readonly event: string;
  readonly data?: string;
}

/** The answer: the events after a position, or why they are not known, with the live position. */
type HistoryAnswer =
  | { readonly events: readonly AnsweredEvent[]; readonly position: string; readonly complete: boolean }
  | { readonly gap: string; readonly position: string };

/** The fields of a request. */
interface Asked {
  readonly channel: string;
  /** `undefined` asks for the live position. */
  readonly position: Position | undefined;
  readonly limit: number;
  /** The connections of the page, whose events are left out that were left out for them. */
  readonly socketIds: ReadonlySet<string>;
}

/**
 * Answers what a page has missed on a channel, for the callers who may subscribe to the channel. A caller who may not gets the same
 * answer whatever the channel has. docs/history.md#the-wire
 */
export class HistoryEndpoint {
  readonly #runtime: SocketRuntime;
  readonly #callers: CallerAuthorization;
  readonly #rules: HistoryRules;
  readonly #repeated = new RepeatedLines(socketLog(), systemClock);

  constructor(runtime: SocketRuntime, callers: CallerAuthorization) {
    this.#runtime = runtime;
    this.#callers = callers;
    this.#rules = new HistoryRules(runtime.config);
  }

  /** @throws Refusal for a bad field, a caller who is not allowed, a channel without history, and a log that cannot be reached */
  async answer(request: HttpRequest, fields: object): Promise<HistoryAnswer> {
    const { pageEvents } = this.#runtime.config.history;
    const asked: Asked = {
      channel: channelIn(fields),
      position: positionIn(fields),
      limit: limitIn(fields, pageEvents),
      socketIds: socketIdsIn(fields),
    };
    await this.#admit(request, asked.channel);
    const history = this.#historyOf(asked.channel);
    try {
      if (asked.position !== undefined) {
        const limit = Math.min(asked.limit, ANSWER_EVENTS);
        return answerOf(await history.since(asked.channel, asked.position, limit), asked.socketIds);
      }
      return { events: [], position: positionText(await history.head(asked.channel)), complete: true };
    } catch (error) {
      const message = `The history of channel "${asked.channel}" could not be read: ${messageOf(error)}`;
      this.#repeated.warn('The history could not be read', message);
      throw new Refusal(503, 'HISTORY_UNAVAILABLE', 'The history cannot be read now: ask again later', true);
    }
  }

  /** Writes what is still to be logged, and stops its timers. */
  close(): void {
    this.#repeated.flush();
  }

  /** @throws Refusal unless the caller may subscribe to the channel, or it is the caller's own */
  async #admit(request: HttpRequest, channel: string): Promise<void> {
    const { access } = channelType(channel);
    if (access === 'public') return;
    const member = await this.#callers.identify(request);
    if (access !== 'user') {
      await this.#callers.authorizeChannel(member, NO_CONNECTION, channel, request);
      return;
    }
    await this.#callers.authorizeUser(member, NO_CONNECTION);
    if (channel !== userChannel(member.id))
      throw new Refusal(403, 'CHANNEL_REFUSED', `Channel ${shown(channel)} is not open to this member`);
  }

  #historyOf(channel: string): HistoryReader {
    const { history } = this.#runtime;
    if (history !== undefined && this.#rules.covers(channel)) return history;
    const what = isUserChannel(channel) ? '"members"' : `channel ${shown(channel)}`;
    throw new Refusal(400, 'NO_HISTORY', `channel_name: SOCKET_HISTORY has no entry for ${what}`);
  }
}

function answerOf(missed: Missed, socketIds: ReadonlySet<string>): HistoryAnswer {
  if (missed.gap !== undefined) return { gap: missed.gap, position: positionText(missed.position) };
  const events: AnsweredEvent[] = [];
  let bytes = 0;
  let last: Position | undefined;
  for (const kept of missed.events) {
    if (!isLeftOut(kept, socketIds)) {
      bytes += Buffer.byteLength(kept.data ?? '');
      if (bytes > ANSWER_BYTES && events.length > 0)
        return { events, position: positionText(last ?? kept.position), complete: false };
      events.push(answered(kept));
    }
    last = kept.position;
  }
  return { events, position: positionText(missed.position), complete: missed.isComplete };
}

function answered({ position, event, data }: KeptEvent): AnsweredEvent {
  return { position: positionText(position), event, ...(data !== undefined && { data }) };
}

function isLeftOut({ exceptSocketId }: KeptEvent, socketIds: ReadonlySet<string>): boolean {
  return exceptSocketId !== undefined && socketIds.has(exceptSocketId);
}

function channelIn(fields: object): string {
  const channel: unknown = Reflect.get(fields, 'channel_name');
  // A user's own channel is no name that the application may use, so its characters are checked by comparison.
  if (typeof channel === 'string' && isUserChannel(channel)) return channel;
  const problem = channelNameProblem(channel);
  if (problem !== undefined) throw new Refusal(400, 'INVALID_CHANNEL_NAME', `channel_name: ${problem}`);
  return String(channel);
}

function positionIn(fields: object): Position | undefined {
  const text: unknown = Reflect.get(fields, 'position');
  if (text === 'live') return undefined;
  const position = readPosition(text);
  if (position !== undefined) return position;
  const allowed = 'it must be a position like "1k2x.12" of an answer or a frame, or "live"';
  throw new Refusal(400, 'INVALID_POSITION', `position: ${allowed}; it is ${shown(text)}`);
}

/** @param maximum 0 allows any number */
function limitIn(fields: object, maximum: number): number {
  const most = maximum === 0 ? Infinity : maximum;
  const given: unknown = Reflect.get(fields, 'limit');
  if (given === undefined) return most;
  const limit = typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : given;
  if (typeof limit === 'number' && Number.isSafeInteger(limit) && limit >= 1 && limit <= most) return limit;
  const allowed = maximum === 0 ? 'from 1 on' : `from 1 to ${maximum} (SOCKET_HISTORY_PAGE_EVENTS)`;
  throw new Refusal(
    400,
    'INVALID_LIMIT',
    `limit: it must be a whole number ${allowed}; it is ${shown(given)}`,
  );
}

function socketIdsIn(fields: object): ReadonlySet<string> {
  const text: unknown = Reflect.get(fields, 'socket_id') ?? '';
  if (text === '') return new Set();
  const ids = typeof text === 'string' ? text.split(',') : [];
  if (ids.length >= 1 && ids.length <= SOCKET_IDS && ids.every(isSocketId)) return new Set(ids);
  const allowed = `it must be 1 to ${SOCKET_IDS} texts like "123.456", separated by commas`;
  throw new Refusal(400, 'INVALID_SOCKET_ID', `socket_id: ${allowed}; it is ${shown(text)}`);
}
