import type { Clock } from '../ports/clock.js';
import { frame, subscriptionSucceeded } from '../protocol/frame.js';
import { Channel } from './channel.js';
import type { Session } from './session.js';
import type { User } from './user.js';

/** Every occupied channel, and the moves in and out of it. Whether a session may join is decided before. */
export class Channels {
  readonly #channels = new Map<string, Channel>();

  constructor(
    private readonly clock: Clock,
    private readonly presenceGraceMs: number,
  ) {}

  get(name: string): Channel | undefined {
    return this.#channels.get(name);
  }

  /** How many channels are kept. */
  get size(): number {
    return this.#channels.size;
  }

  /**
   * Subscribes a session, on presence channels as the given member, and answers it with `subscription_succeeded`.
   *
   * @throws ProtocolError when a presence channel is full
   */
  join(session: Session, name: string, member: User | undefined): void {
    const channel = this.#channels.get(name) ?? new Channel(name, this.clock, this.presenceGraceMs);
    const isNewMember = member !== undefined && channel.roster?.join(session, member) === true;
    this.#channels.set(name, channel);
    if (isNewMember) {
      const data = JSON.stringify({ user_id: member.id, user_info: member.info });
      channel.deliver(frame('pusher_internal:member_added', { channel: name, data }));
    }
    this.#add(session, channel);
    session.connection.send(subscriptionSucceeded(name, channel.roster?.toJson()));
  }

  /** Subscribes a session without telling it: to its user's own channel, which a signin implies. */
  joinSilently(session: Session, name: string): void {
    const channel = this.#channels.get(name) ?? new Channel(name, this.clock, this.presenceGraceMs);
    this.#channels.set(name, channel);
    this.#add(session, channel);
  }

  /** Unsubscribes a session. A deliberate leave of a presence channel is told at once, another after the grace period. */
  leave(session: Session, channel: Channel, deliberate: boolean): void {
    session.subscriptions.delete(channel.name);
    channel.subscribers.delete(session);
    channel.roster?.leave(session, deliberate, (userId) => {
      const data = JSON.stringify({ user_id: userId });
      channel.deliver(frame('pusher_internal:member_removed', { channel: channel.name, data }));
      this.#forgetIfVacant(channel);
    });
    this.#forgetIfVacant(channel);
  }

  /** Stops every timer and forgets every channel. */
  dispose(): void {
    for (const channel of this.#channels.values()) channel.roster?.dispose();
    this.#channels.clear();
  }

  #add(session: Session, channel: Channel): void {
    channel.subscribers.add(session);
    session.subscriptions.set(channel.name, channel);
  }

  #forgetIfVacant(channel: Channel): void {
    if (channel.isVacant) this.#channels.delete(channel.name);
  }
}
