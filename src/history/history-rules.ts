import { isToMembers, type Relay } from '../ports/relay.js';
import type { SocketConfig } from '../ports/socket-config.js';
import { isUserChannel, userChannel } from '../protocol/channel-name.js';
import { ChannelPattern } from '../protocol/channel-pattern.js';

/** Which channels have a history. */
export class HistoryRules {
  /** Whether any channel has one. */
  readonly isOn: boolean;
  /** Whether the events of members' own channels are kept. */
  readonly hasMembers: boolean;
  readonly #broadcastChannel: string | undefined;
  readonly #patterns: readonly ChannelPattern[];

  constructor({
    history: { channels },
    broadcastChannel,
  }: Pick<SocketConfig, 'history' | 'broadcastChannel'>) {
    this.isOn = channels.length > 0;
    this.hasMembers = channels.includes('members');
    this.#broadcastChannel = channels.includes('broadcast') ? broadcastChannel : undefined;
    this.#patterns = channels
      .filter((entry) => entry !== 'members' && entry !== 'broadcast')
      .map((entry) => new ChannelPattern(entry));
  }

  /** Whether the recipients of a relay have a history: all of them, or none, because they are members, or one channel. */
  coversRelay(relay: Relay): boolean {
    return this.isOn && this.covers(relayChannel(relay, relay.recipients[0] ?? ''));
  }

  /** Whether a channel has a history. A user's own channel has one where `members` have. */
  covers(channel: string): boolean {
    if (!this.isOn) return false;
    if (isUserChannel(channel)) return this.hasMembers;
    return channel === this.#broadcastChannel || this.#patterns.some((pattern) => pattern.covers(channel));
  }
}

/** The channel on which a recipient of a relay gets it, and whose log keeps it: a member's own one where it is to members. */
export function relayChannel(relay: Pick<Relay, 'kind'>, recipient: string): string {
  return isToMembers(relay) ? userChannel(recipient) : recipient;
}
