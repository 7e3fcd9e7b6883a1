import type { ChannelMessage, Cluster } from '../ports/cluster.js';
import type { User } from '../ports/user.js';
import { type Frame, frame, subscriptionSucceeded } from '../protocol/frame.js';
import { Channel } from './channel.js';
import type { Session, Subscription } from './session.js';

/** All channels with subscriptions on this node. Sessions join and leave them here, after `admission.ts` has admitted them. */
export class Channels {
  readonly #cluster: Cluster;
  readonly #channels = new Map<string, Channel>();
  #subscriptions = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** The number of subscriptions to all channels together. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /**
   * Subscribes a session, on presence channels as the given user. It is answered with `subscription_succeeded` before it
   * receives any event of the channel.
   *
   * @param onFull called when the presence channel is full
   */
  join(session: Session, name: string, user: User | undefined, onFull: () => void): void {
    this.#subscribe(session, name, user, (channel, isFull) => {
      if (isFull) {
        onFull();
        return;
      }
      const roster = channel.type.access === 'presence' ? rosterJson(this.#cluster.roster(name)) : undefined;
      session.connection.send(subscriptionSucceeded(name, roster));
      if (channel.type.cached) this.#sendCached(session, name);
    });
  }

  /** Subscribes a session without an answer: to its user's own channel, which a signin implies. */
  joinSilently(session: Session, name: string, onJoined: () => void): void {
    const known = session.subscriptions.get(name);
    if (known === undefined) this.#subscribe(session, name, undefined, onJoined);
    else onJoined();
  }

  /** Unsubscribes a session. Its member leaves at once when that is deliberate, otherwise after the grace period. */
  leave(session: Session, { channel, user }: Subscription, isDeliberate: boolean): void {
    session.subscriptions.delete(channel.name);
    this.#subscriptions--;
    channel.subscribers.delete(session.connection);
    const isGone = channel.removeSubscription(user?.id);
    if (channel.subscriptions === 0) this.#channels.delete(channel.name);
    this.#cluster.leave(channel.name, channel.subscriptions, isGone ? user?.id : undefined, isDeliberate);
  }

  /**
   * Sends a message to all subscribers of a channel: to this node's before it returns, so they wait for no other node.
   *
   * @returns a promise that rejects when the other nodes cannot be reached; `undefined` when there is nothing to wait for
   */
  publish(name: string, message: ChannelMessage): Promise<void> | undefined {
    this.deliver(name, message);
    return this.#cluster.publish(name, message);
  }

  /** Sends a message to this node's subscribers. The frame is built once, and only when there is a subscriber. */
  deliver(name: string, { event, data, exceptSocketId, userId }: ChannelMessage): void {
    const channel = this.#channels.get(name);
    if (channel === undefined || channel.subscribers.size === 0) return;
    const fields = userId === undefined ? { channel: name, data } : { channel: name, data, userId };
    channel.deliver(frame(event, fields), exceptSocketId);
  }

  memberAdded(name: string, { id, info }: User): void {
    const data = () => JSON.stringify({ user_id: id, user_info: info });
    this.#announce(name, () => frame('pusher_internal:member_added', { channel: name, data: data() }));
  }

  /**
   * The protocol has no frame for a new info. A leave and a join right after each other are understood by every client; a
   * join alone would list the member twice where a client, or a page, appends every member who joins.
   */
  memberChanged(name: string, user: User): void {
    this.memberRemoved(name, user.id);
    this.memberAdded(name, user);
  }

  memberRemoved(name: string, userId: string): void {
    const data = JSON.stringify({ user_id: userId });
    this.#announce(name, () => frame('pusher_internal:member_removed', { channel: name, data }));
  }

  counted(name: string, count: number): void {
    const data = JSON.stringify({ subscription_count: count });
    this.#announce(name, () => frame('pusher_internal:subscription_count', { channel: name, data }));
  }

  #announce(name: string, build: () => Frame): void {
    const channel = this.#channels.get(name);
    if (channel !== undefined && channel.subscribers.size > 0) channel.deliver(build());
  }

  #subscribe(
    session: Session,
    name: string,
    user: User | undefined,
    onAnswered: (channel: Channel, isFull: boolean) => void,
  ): void {
    const channel = this.#channels.get(name) ?? new Channel(name);
    this.#channels.set(name, channel);
    const subscription: Subscription = { channel, user };
    // All sessions share the channel's own string, instead of keeping one from each frame.
    session.subscriptions.set(channel.name, subscription);
    this.#subscriptions++;
    channel.addSubscription(user?.id);
    const resume = session.defer();
    this.#cluster.join(name, channel.subscriptions, user, (refusal) => {
      // The session may be closed by now.
      if (session.subscriptions.get(name) === subscription) {
        if (refusal === undefined) channel.subscribers.add(session.connection);
        else this.leave(session, subscription, true);
        onAnswered(channel, refusal === 'full');
      }
      resume();
    });
  }

  /** Sends the remembered event right after `subscription_succeeded`: before any newer event. */
  #sendCached(session: Session, name: string): void {
    const cached = this.#cluster.cached(name);
    if (cached !== undefined) {
      session.connection.send(frame(cached.event, { channel: name, data: cached.data }));
      return;
    }
    session.connection.send(frame('pusher:cache_miss', { channel: name }));
  }
}

/** The roster as `subscription_succeeded` carries it. */
function rosterJson(roster: ReadonlyMap<string, User>): string {
  const ids = [...roster.keys()];
  // Assignment would call the setter of "__proto__", which is a valid id; fromEntries defines a property.
  const hash = Object.fromEntries([...roster].map(([id, { info }]) => [id, info ?? null]));
  return JSON.stringify({ presence: { ids, hash, count: ids.length } });
}
