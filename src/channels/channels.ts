import type { Clock } from '../ports/clock.js';
import type { ChannelEvent } from '../ports/channel-events.js';
import { channelType } from '../protocol/channel-name.js';
import { frame, subscriptionSucceeded } from '../protocol/frame.js';
import { Channel } from './channel.js';
import type { ChannelSettings } from './channel-settings.js';
import type { ChannelEventSource } from './channel-event-source.js';
import { type CachedEvent, EventCache } from './event-cache.js';
import type { Session } from './session.js';
import { SubscriptionCounts } from './subscription-counts.js';
import type { User } from './user.js';

/** Every occupied channel, and the moves in and out of it. Whether a session may join is decided before. */
export class Channels {
  readonly #channels = new Map<string, Channel>();
  readonly #cache: EventCache;
  readonly #counts: SubscriptionCounts | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly settings: ChannelSettings & { readonly subscriptionCount: boolean },
    private readonly events: ChannelEventSource,
  ) {
    this.#cache = new EventCache(clock);
    if (settings.subscriptionCount) this.#counts = new SubscriptionCounts(clock, events);
  }

  get(name: string): Channel | undefined {
    return this.#channels.get(name);
  }

  /** What a cache channel remembers. */
  cached(name: string): CachedEvent | undefined {
    return this.#cache.get(name);
  }

  all(): IterableIterator<Channel> {
    return this.#channels.values();
  }

  /** How many channels are kept. */
  get size(): number {
    return this.#channels.size;
  }

  /** Sends an event of the application's to everybody subscribed, and remembers it on cache channels. */
  publish(name: string, event: string, data: string | undefined, exceptSocketId: string | undefined): void {
    const channel = this.#channels.get(name);
    channel?.deliver(frame(event, { channel: name, data }), exceptSocketId);
    if ((channel?.type ?? channelType(name)).cached) {
      this.#cache.set(name, event, data);
      if (channel !== undefined) channel.cacheMissTold = false;
    }
  }

  /**
   * Subscribes a session, on presence channels as the given member, and answers it with `subscription_succeeded`.
   *
   * @throws ProtocolError when a presence channel is full
   */
  join(session: Session, name: string, member: User | undefined): void {
    const known = this.#channels.get(name);
    const channel = known ?? new Channel(name, this.clock, this.settings);
    const isNewMember = member !== undefined && channel.roster?.join(session, member) === true;
    this.#keep(channel);
    if (known === undefined) this.#tell(channel, { name: 'channel_occupied', channel: name });
    if (isNewMember) {
      const data = JSON.stringify({ user_id: member.id, user_info: member.info });
      channel.deliver(frame('pusher_internal:member_added', { channel: name, data }));
      this.events.emit({ name: 'member_added', channel: name, user_id: member.id });
    }
    this.#add(session, channel);
    session.connection.send(subscriptionSucceeded(name, channel.roster?.toJson()));
    if (channel.type.cached) this.#sendCached(session, channel);
    this.#counts?.changed(channel);
  }

  /** Subscribes a session without telling it: to its user's own channel, which a signin implies. */
  joinSilently(session: Session, name: string): void {
    const channel = this.#channels.get(name) ?? new Channel(name, this.clock, this.settings);
    this.#keep(channel);
    this.#add(session, channel);
  }

  /** Unsubscribes a session. A deliberate leave is told at once, another after the grace period. */
  leave(session: Session, channel: Channel, deliberate: boolean): void {
    session.subscriptions.delete(channel.name);
    channel.subscribers.delete(session);
    channel.roster?.leave(session, deliberate, (userId) => {
      const data = JSON.stringify({ user_id: userId });
      channel.deliver(frame('pusher_internal:member_removed', { channel: channel.name, data }));
      this.events.emit({ name: 'member_removed', channel: channel.name, user_id: userId });
      if (channel.isVacant) this.#forget(channel);
    });
    this.#counts?.changed(channel);
    if (!channel.isVacant || !this.#channels.has(channel.name)) return;
    if (deliberate || this.settings.presenceGraceMs === 0 || channel.type.access === 'user')
      this.#forget(channel);
    else
      channel.vacating ??= this.clock.after(this.settings.presenceGraceMs, () => {
        this.#forget(channel);
      });
  }

  /** Tells of everybody who would have been told of after the grace period, stops every timer, forgets every channel. */
  dispose(): void {
    for (const channel of [...this.#channels.values()]) {
      channel.roster?.endGrace();
      if (this.#channels.has(channel.name) && channel.isVacant) this.#forget(channel);
    }
    this.#channels.clear();
    this.#cache.dispose();
    this.#counts?.dispose();
  }

  #keep(channel: Channel): void {
    this.#channels.set(channel.name, channel);
    channel.vacating?.cancel();
    channel.vacating = undefined;
  }

  #add(session: Session, channel: Channel): void {
    channel.subscribers.add(session);
    session.subscriptions.set(channel.name, channel);
  }

  /** Right after the subscription, so that nothing newer can have come before it. */
  #sendCached(session: Session, channel: Channel): void {
    const cached = this.#cache.get(channel.name);
    if (cached !== undefined) {
      session.connection.send(frame(cached.event, { channel: channel.name, data: cached.data }));
      return;
    }
    session.connection.send(frame('pusher:cache_miss', { channel: channel.name }));
    if (channel.cacheMissTold) return;
    channel.cacheMissTold = true;
    this.events.emit({ name: 'cache_miss', channel: channel.name });
  }

  #forget(channel: Channel): void {
    this.#channels.delete(channel.name);
    channel.vacating?.cancel();
    this.#counts?.forget(channel);
    this.#tell(channel, { name: 'channel_vacated', channel: channel.name });
  }

  /** A user's own channel is nobody else's business. */
  #tell(channel: Channel, event: ChannelEvent): void {
    if (channel.type.access !== 'user') this.events.emit(event);
  }
}
