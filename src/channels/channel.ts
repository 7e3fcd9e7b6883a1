import type { Position } from '../ports/history.js';
import { type ChannelType, channelType } from '../protocol/channel-name.js';
import type { Frame } from '../protocol/frame.js';
import type { Connection } from './connection.js';
import { Newcomer } from './newcomer.js';

/** One channel with subscriptions on this node. */
export class Channel {
  readonly type: ChannelType;
  /** The connections that receive its events. */
  readonly subscribers = new Set<Connection>();
  /** The number of subscriptions. One that was requested just now may not be among `subscribers` yet. */
  subscriptions = 0;
  /** On channels with history: the position after the last event that was delivered, as far as there was one. */
  position: Position | undefined;
  /** On presence channels: the number of this node's connections through which each user is present. */
  readonly #presences = new Map<string, number>();

  constructor(
    readonly name: string,
    /** Whether its events are kept. */
    readonly hasHistory: boolean,
  ) {
    this.type = channelType(name);
  }

  /** Counts a new subscription, on presence channels with its user. */
  addSubscription(userId: string | undefined): void {
    this.subscriptions++;
    if (userId !== undefined) this.#presences.set(userId, (this.#presences.get(userId) ?? 0) + 1);
  }

  /** @returns whether the user is present through no other connection of this node */
  removeSubscription(userId: string | undefined): boolean {
    this.subscriptions--;
    if (userId === undefined) return false;
    const left = (this.#presences.get(userId) ?? 0) - 1;
    if (left > 0) this.#presences.set(userId, left);
    else this.#presences.delete(userId);
    return left <= 0;
  }

  /** Sends one frame to every subscriber but one. This is the hot path: nothing is allocated for each subscriber. */
  deliver(frame: Frame, exceptSocketId?: string): void {
    for (const subscriber of this.subscribers) {
      if (exceptSocketId === undefined || subscriber.id !== exceptSocketId) subscriber.send(frame);
    }
  }

  /** Sends a frame to one subscriber only, if it is one. */
  tell(socketId: string, frame: Frame): void {
    for (const subscriber of this.subscribers) if (subscriber.id === socketId) subscriber.send(frame);
  }

  /** Sends what is new of the members to every subscriber. Newcomers learn it from the roster that they will get. */
  announce(frame: Frame): void {
    for (const subscriber of this.subscribers) {
      if (!(subscriber instanceof Newcomer)) subscriber.send(frame);
    }
  }
}
