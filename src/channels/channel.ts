import { type ChannelType, channelType } from '../protocol/channel-name.js';
import type { Frame } from '../protocol/frame.js';
import type { Connection } from './connection.js';

/** One channel with subscriptions on this node. */
export class Channel {
  readonly type: ChannelType;
  /** Whoever hears it. */
  readonly subscribers = new Set<Connection>();
  /** The subscriptions, of which the latest may not hear it yet. */
  subscriptions = 0;
  /** On presence channels, through how many connections of this node each user is present. */
  readonly #presences = new Map<string, number>();

  constructor(readonly name: string) {
    this.type = channelType(name);
  }

  /** Counts a subscription in. */
  enter(userId: string | undefined): void {
    this.subscriptions++;
    if (userId !== undefined) this.#presences.set(userId, (this.#presences.get(userId) ?? 0) + 1);
  }

  /** @returns whether the user is now present through no connection of this node */
  exit(userId: string | undefined): boolean {
    this.subscriptions--;
    if (userId === undefined) return false;
    const left = (this.#presences.get(userId) ?? 0) - 1;
    if (left > 0) this.#presences.set(userId, left);
    else this.#presences.delete(userId);
    return left <= 0;
  }

  /** Writes one frame to every subscriber but one. The hot path: nothing is built here per subscriber. */
  deliver(frame: Frame, exceptSocketId?: string): void {
    for (const subscriber of this.subscribers) {
      if (exceptSocketId === undefined || subscriber.id !== exceptSocketId) subscriber.send(frame);
    }
  }
}
