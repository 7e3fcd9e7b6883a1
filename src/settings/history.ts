import { ChannelPattern } from '../protocol/channel-pattern.js';
import { limit, listWhere, wholeNumber } from './kinds.js';
import { setting } from './setting.js';

/** The words of the list of channels that stand for a kind of relay. */
const HISTORY_WORDS: readonly string[] = ['members', 'broadcast'];

const channels = listWhere(
  isHistoryEntry,
  'must be a list of "members", "broadcast" and channel names, which may have placeholders: private-orders.{id}',
);

/** The settings of history, on every provider. */
export const historySettings = {
  /** The channels whose events are kept for a while, and the bounds of what is kept. */
  history: {
    /**
     * The channels whose events are kept, so that pages catch up with what they missed: `members` (`relayToMember`), `broadcast`,
     * and names of channels, which may have placeholders. The reference backend's own default is `members,broadcast`.
     *
     * @see docs/history.md
     * @default []
     */
    channels: setting('SOCKET_HISTORY', channels, { default: [] }),
    /**
     * Seconds that an event is kept.
     *
     * @default 120
     */
    ageS: setting('SOCKET_HISTORY_S', wholeNumber(1, 604_800), { default: 120, unit: 's' }),
    /**
     * Events of one channel that are kept. The oldest go first. 0 keeps any number.
     *
     * @default 300
     */
    channelEvents: setting('SOCKET_HISTORY_EVENTS', limit, { default: 300 }),
    /**
     * Bytes of one channel that are kept. The oldest events go first. 0 keeps any number.
     *
     * @default 1048576
     */
    channelBytes: setting('SOCKET_HISTORY_BYTES', limit, { default: 1_048_576, unit: 'bytes' }),
    /**
     * Bytes of all channels together that one process keeps, or has put into Redis within `SOCKET_HISTORY_S`. 0 keeps any number.
     *
     * @see docs/history.md#bounds
     * @default 67108864
     */
    totalBytes: setting('SOCKET_HISTORY_TOTAL_BYTES', limit, { default: 67_108_864, unit: 'bytes' }),
    /**
     * Events that one answer to a page that catches up has at the most. 0 allows any number.
     *
     * @default 100
     */
    pageEvents: setting('SOCKET_HISTORY_PAGE_EVENTS', limit, { default: 100 }),
  },
  /**
   * Seconds for which a second relay with the same `idempotencyKey` to the same recipient reaches nobody again.
   *
   * @see docs/relay.md#idempotency
   * @default 120
   */
  idempotencyS: setting('SOCKET_IDEMPOTENCY_S', wholeNumber(1, 86_400), { default: 120, unit: 's' }),
};

function isHistoryEntry(entry: string): boolean {
  if (HISTORY_WORDS.includes(entry)) return true;
  try {
    return new ChannelPattern(entry).text !== '';
  } catch {
    return false;
  }
}
