import type { Clock } from '../ports/clock.js';
import { type ChannelType, channelType } from '../protocol/channel-name.js';
import type { Frame } from '../protocol/frame.js';
import type { Subscriber } from './connection.js';
import { PresenceRoster } from './presence-roster.js';

/** One occupied channel: its subscribers and, on presence channels, its roster. */
export class Channel {
  readonly type: ChannelType;
  readonly subscribers = new Set<Subscriber>();
  readonly roster: PresenceRoster | undefined;

  constructor(
    readonly name: string,
    clock: Clock,
    presenceGraceMs: number,
  ) {
    this.type = channelType(name);
    if (this.type.access === 'presence') this.roster = new PresenceRoster(clock, presenceGraceMs);
  }

  /** Whether nothing keeps the channel: nobody is subscribed and nobody may be about to come back. */
  get isVacant(): boolean {
    return this.subscribers.size === 0 && (this.roster?.size ?? 0) === 0;
  }

  /** Writes one frame to every subscriber but one. The hot path: nothing is built here per subscriber. */
  deliver(frame: Frame, exceptSocketId?: string): void {
    for (const session of this.subscribers) {
      if (session.id !== exceptSocketId) session.connection.send(frame);
    }
  }
}
