import type { SocketConfig } from '../ports/socket-config.js';
import { isUserChannel } from '../protocol/channel-name.js';
import { ChannelPattern } from '../protocol/channel-pattern.js';

/** Which channels have a history. */
export class HistoryRules {
  /** Whether any channel has one. */
  readonly isOn: boolean;
  readonly #hasMembers: boolean;
  readonly #broadcastChannel: string | undefined;
  readonly #patterns: readonly ChannelPattern[];

  constructor({
    history: { channels },
    broadcastChannel,
  }: Pick<SocketConfig, 'history' | 'broadcastChannel'>) {
    this.isOn = channels.length > 0;
    this.#hasMembers = channels.includes('members');
    this.#broadcastChannel = channels.includes('broadcast') ? broadcastChannel : undefined;
    this.#patterns = channels
      .filter((entry) => entry !== 'members' && entry !== 'broadcast')
      .map((entry) => new ChannelPattern(entry));
  }

  /** Whether a channel has a history. A user's own channel has one where `members` have. */
  covers(channel: string): boolean {
    if (!this.isOn) return false;
    if (isUserChannel(channel)) return this.#hasMembers;
    return channel === this.#broadcastChannel || this.#patterns.some((pattern) => pattern.covers(channel));
  }
}
