import type { Clock, Timer } from '../ports/clock.js';
import { type ChannelType, channelType } from '../protocol/channel-name.js';
import type { Frame } from '../protocol/frame.js';
import type { ChannelSettings } from './channel-settings.js';
import type { Subscriber } from './connection.js';
import { PresenceRoster } from './presence-roster.js';

/** One occupied channel: its subscribers and, on presence channels, its roster. */
export class Channel {
  readonly type: ChannelType;
  readonly subscribers = new Set<Subscriber>();
  readonly roster: PresenceRoster | undefined;
  /** Runs while the last subscriber is gone but may be reloading the page. */
  vacating: Timer | undefined;
  /** Whether it was told already that a cache channel remembers nothing. */
  cacheMissTold = false;

  constructor(
    readonly name: string,
    clock: Clock,
    settings: ChannelSettings,
  ) {
    this.type = channelType(name);
    if (this.type.access === 'presence') this.roster = new PresenceRoster(clock, settings);
  }

  /** Whether nobody is subscribed and nobody is kept on the roster. */
  get isVacant(): boolean {
    return this.subscribers.size === 0 && (this.roster?.size ?? 0) === 0;
  }

  /** Writes one frame to every subscriber but one. The hot path: nothing is built here per subscriber. */
  deliver(frame: Frame, exceptSocketId?: string): void {
    for (const subscriber of this.subscribers) {
      if (subscriber.id !== exceptSocketId) subscriber.connection.send(frame);
    }
  }
}
