import type { HistoryRules } from '../history/history-rules.js';
import { checkNames, checkObject, invalidArgument, isObject } from '../ports/arguments.js';
import { messageOf, SocketUsageError } from '../ports/errors.js';
import type { HistoryReader, KeptEvent, Position } from '../ports/history.js';
import { shown } from '../ports/logger.js';
import { historyUnknown } from '../ports/losses.js';
import { channelType, userChannel } from '../protocol/channel-name.js';
import { channelSecret, decoded, opened } from '../protocol/encryption.js';
import { positionText, readPosition } from '../protocol/position.js';
import { checkChannel, checkMemberId, type RelayRules } from './relay-checks.js';
import type { RelayRuntime } from './relay-runtime.js';

/** The owner of a history: a channel, by its name, or a member. A member's history has the events that were relayed to the member. */
export type HistoryOf = string | { readonly member: string };

/** The options of `SocketService.history`. */
export interface HistoryOptions {
  /** The most events, from 1 on. @default 100 */
  readonly limit?: number | undefined;
  /**
   * Only events from before this one: the `position` of an event, usually of the oldest one so far. A position of another log has
   * none before it. @default undefined, the last events
   */
  readonly before?: string | undefined;
}

/** An event that is kept. */
export interface HistoryEntry {
  readonly event: string;
  /** As JSON carried it; `undefined` when there was none. */
  readonly payload: unknown;
  /** The position of a page that knows the channel's events up to this one. */
  readonly position: string;
  readonly at: Date;
}

const DEFAULT_LIMIT = 100;

/** Reads the kept events of channels and members. */
export class ChannelHistory {
  readonly #runtime: RelayRuntime;
  readonly #rules: RelayRules;
  readonly #covered: HistoryRules;

  constructor(runtime: RelayRuntime, rules: RelayRules, covered: HistoryRules) {
    this.#runtime = runtime;
    this.#rules = rules;
    this.#covered = covered;
  }

  /**
   * The last events, the oldest first.
   *
   * @throws SocketUsageError for a bad argument, and for a channel without history
   * @throws SocketUnavailableError when the log cannot be reached
   */
  async latest(of: HistoryOf, options: HistoryOptions = {}): Promise<readonly HistoryEntry[]> {
    const { limit, before } = checked(options);
    const channel = this.#channelOf(of);
    const events = await this.#ask(channel, (history) => history.latest(channel, before, limit));
    const entryOf = this.#reader(channel);
    return events.flatMap((event) => entryOf(event) ?? []);
  }

  /**
   * The live position.
   *
   * @throws SocketUsageError, SocketUnavailableError as {@link latest} does
   */
  async live(of: HistoryOf): Promise<string> {
    const channel = this.#channelOf(of);
    return positionText(await this.#ask(channel, (history) => history.head(channel)));
  }

  async #ask<T>(channel: string, ask: (history: HistoryReader) => Promise<T>): Promise<T> {
    const { history, provider } = this.#runtime;
    if (history === undefined)
      throw new SocketUsageError(
        'INVALID_ARGUMENT',
        `Channel ${shown(channel)} has no history: the provider "${provider}" keeps none`,
      );
    try {
      return await ask(history);
    } catch (cause) {
      throw historyUnknown(provider, channel, messageOf(cause), { cause });
    }
  }

  /** @throws SocketUsageError for a name that is none, and where there is no history */
  #channelOf(of: unknown): string {
    if (isObject(of)) {
      checkNames('history({ member }): the object', of, ['member']);
      const member: unknown = Reflect.get(of, 'member');
      checkMemberId(member);
      const channel = userChannel(String(member));
      if (this.#covered.covers(channel)) return channel;
      throw invalidArgument(`Member ${shown(member)} has no history: SOCKET_HISTORY has no entry "members"`);
    }
    checkChannel(of, this.#rules);
    const channel = String(of);
    if (this.#covered.covers(channel)) return channel;
    const isBroadcast = channel === this.#runtime.config.broadcastChannel;
    const missing = isBroadcast ? '"broadcast"' : 'that covers it, like the name itself';
    throw invalidArgument(`Channel ${shown(channel)} has no history: SOCKET_HISTORY has no entry ${missing}`);
  }

  /** Reads events of a channel. One that was encrypted with another key is `undefined`: browsers cannot read it either. */
  #reader(channel: string): (event: KeptEvent) => HistoryEntry | undefined {
    const { encryptionMasterKey } = this.#runtime.config;
    const hasSecret = channelType(channel).encrypted && encryptionMasterKey !== undefined;
    const secret = hasSecret ? channelSecret(channel, encryptionMasterKey) : undefined;
    return ({ event, data, position, at }) => {
      const text = secret === undefined ? data : opened(secret, data);
      if (secret !== undefined && text === undefined) return undefined;
      // Encryption makes an empty text of no payload.
      const payload = text === undefined || text === '' ? undefined : decoded(text);
      return { event, payload, position: positionText(position), at: new Date(at) };
    };
  }
}

/** @throws SocketUsageError `INVALID_ARGUMENT` */
function checked(options: HistoryOptions): { readonly limit: number; readonly before: Position | undefined } {
  checkObject('history(of, options): options', options, ', like { limit: 20 }');
  checkNames('history(of, options): options', options, ['limit', 'before']);
  const { limit = DEFAULT_LIMIT, before }: { readonly limit?: unknown; readonly before?: unknown } = options;
  if (typeof limit !== 'number' || !Number.isSafeInteger(limit) || limit < 1)
    throw invalidArgument(
      `history(…, { limit }): limit must be a whole number from 1 on; it is ${shown(limit)}`,
    );
  if (before === undefined) return { limit, before: undefined };
  const position = readPosition(before);
  if (position !== undefined) return { limit, before: position };
  const allowed = 'must be the position of an event, like "1k2x.12"';
  throw invalidArgument(`history(…, { before }): before ${allowed}; it is ${shown(before)}`);
}
