import type { ChannelMessage, Cluster } from '../ports/cluster.js';
import type { User } from '../ports/user.js';
import { type Frame, frame, subscriptionSucceeded } from '../protocol/frame.js';
import { Channel } from './channel.js';
import type { Session, Subscription } from './session.js';

/** Every channel with subscriptions on this node, and the moves in and out. Whether a session may join is decided before. */
export class Channels {
  readonly #cluster: Cluster;
  readonly #channels = new Map<string, Channel>();
  #subscriptions = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** How many subscriptions they have together. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /**
   * Subscribes a session, on presence channels as the given user, and answers it with `subscription_succeeded` once it
   * hears the channel. Nothing of the channel's reaches it before.
   *
   * @param refused called when the presence channel is full
   */
  join(session: Session, name: string, user: User | undefined, refused: () => void): void {
    this.#enter(session, name, user, (channel, isFull) => {
      if (isFull) {
        refused();
        return;
      }
      const roster = channel.type.access === 'presence' ? rosterJson(this.#cluster.roster(name)) : undefined;
      session.connection.send(subscriptionSucceeded(name, roster));
      if (channel.type.cached) this.#sendCached(session, name);
    });
  }

  /** Subscribes a session without telling it: to its user's own channel, which a signin implies. */
  joinSilently(session: Session, name: string, joined: () => void): void {
    const known = session.subscriptions.get(name);
    if (known === undefined) this.#enter(session, name, undefined, joined);
    else joined();
  }

  /** Unsubscribes a session. A deliberate leave is told at once, another after the grace period. */
  leave(session: Session, { channel, user }: Subscription, isDeliberate: boolean): void {
    session.subscriptions.delete(channel.name);
    this.#subscriptions--;
    channel.subscribers.delete(session.connection);
    const isGone = channel.exit(user?.id);
    if (channel.subscriptions === 0) this.#channels.delete(channel.name);
    this.#cluster.leave(channel.name, channel.subscriptions, isGone ? user?.id : undefined, isDeliberate);
  }

  /** Sends a message to this node's subscribers. The frame is built once, and only for somebody. */
  deliver(name: string, { event, data, exceptSocketId, userId }: ChannelMessage): void {
    const channel = this.#channels.get(name);
    if (channel === undefined || channel.subscribers.size === 0) return;
    const fields = userId === undefined ? { channel: name, data } : { channel: name, data, userId };
    channel.deliver(frame(event, fields), exceptSocketId);
  }

  memberAdded(name: string, { id, info }: User): void {
    const data = () => JSON.stringify({ user_id: id, user_info: info });
    this.#tell(name, () => frame('pusher_internal:member_added', { channel: name, data: data() }));
  }

  memberRemoved(name: string, userId: string): void {
    const data = JSON.stringify({ user_id: userId });
    this.#tell(name, () => frame('pusher_internal:member_removed', { channel: name, data }));
  }

  counted(name: string, count: number): void {
    const data = JSON.stringify({ subscription_count: count });
    this.#tell(name, () => frame('pusher_internal:subscription_count', { channel: name, data }));
  }

  #tell(name: string, build: () => Frame): void {
    const channel = this.#channels.get(name);
    if (channel !== undefined && channel.subscribers.size > 0) channel.deliver(build());
  }

  #enter(
    session: Session,
    name: string,
    user: User | undefined,
    entered: (channel: Channel, isFull: boolean) => void,
  ): void {
    const channel = this.#channels.get(name) ?? new Channel(name);
    this.#channels.set(name, channel);
    const subscription: Subscription = { channel, user };
    // The channel's own text, not the one that came in this frame.
    session.subscriptions.set(channel.name, subscription);
    this.#subscriptions++;
    channel.enter(user?.id);
    const answered = session.wait();
    this.#cluster.join(name, channel.subscriptions, user, (refusal) => {
      // It may have gone meanwhile.
      if (session.subscriptions.get(name) === subscription) {
        if (refusal === undefined) channel.subscribers.add(session.connection);
        else this.leave(session, subscription, true);
        entered(channel, refusal === 'full');
      }
      answered();
    });
  }

  /** Right after the subscription, so that nothing newer can have come before it. */
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
  // fromEntries defines properties where assignment would call a setter: "__proto__" is an id like any other.
  const hash = Object.fromEntries([...roster].map(([id, { info }]) => [id, info ?? null]));
  return JSON.stringify({ presence: { ids, hash, count: ids.length } });
}
