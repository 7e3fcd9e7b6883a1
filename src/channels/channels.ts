import type { HistoryRules } from '../history/history-rules.js';
import type { CachedEvent, ChannelMessage, Cluster, JoinRefusal } from '../ports/cluster.js';
import type { Position } from '../ports/history.js';
import type { User } from '../ports/user.js';
import { CLIENT_EVENT_PREFIX } from '../protocol/event-name.js';
import { type Frame, frame, framesOf, liveFrame, subscriptionSucceeded } from '../protocol/frame.js';
import { Answers } from './answers.js';
import { Channel } from './channel.js';
import { Newcomer } from './newcomer.js';
import type { Session, Subscription } from './session.js';

/** The answer to a subscription, with what was so when it was accepted. */
interface Answer {
  readonly channel: Channel;
  readonly isFull: boolean;
  readonly start: Start;
}

/** The facts that a subscriber is told of the channel's events so far. */
interface Start {
  /** On cache channels: the last event. */
  readonly cached: CachedEvent | undefined;
  /** On channels with history: the position from which it gets every event. */
  readonly position: Position | undefined;
}

type OnAnswered = (answer: Answer) => void;

/** All channels with subscriptions on this node. Sessions join and leave them here, after `admission.ts` has admitted them. */
export class Channels {
  readonly #cluster: Cluster;
  readonly #history: HistoryRules;
  readonly #channels = new Map<string, Channel>();
  readonly #answers: Answers;
  /** The channels that have events on their way into the log, each with the end of the last one. */
  readonly #appending = new Map<string, Promise<void>>();
  #subscriptions = 0;

  /** @param failed called with what goes wrong while a subscription is answered later */
  constructor(cluster: Cluster, history: HistoryRules, failed: (error: unknown) => void) {
    this.#cluster = cluster;
    this.#history = history;
    this.#answers = new Answers(failed);
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
    this.#subscribe(session, name, user, ({ channel, isFull, start: { cached, position } }) => {
      if (isFull) {
        onFull();
        return;
      }
      const roster = channel.type.access === 'presence' ? rosterJson(this.#cluster.roster(name)) : undefined;
      session.connection.send(subscriptionSucceeded(name, roster));
      if (channel.type.cached) sendCached(session, name, cached);
      if (position !== undefined) session.connection.send(liveFrame(name, position));
    });
  }

  /** Subscribes a session without an answer: to its user's own channel, which a signin implies. */
  joinSilently(session: Session, name: string, onJoined: () => void): void {
    const known = session.subscriptions.get(name);
    if (known === undefined)
      this.#subscribe(session, name, undefined, ({ start: { position } }) => {
        onJoined();
        if (position !== undefined) session.connection.send(liveFrame(name, position));
      });
    else onJoined();
  }

  /** Takes a session among the channel's subscribers again, whose subscription has gone on meanwhile. */
  resume({ connection }: Session, { name, subscribers }: Channel): void {
    subscribers.add(connection);
    connection.send(subscriptionSucceeded(name));
    const position = this.#cluster.position(name);
    if (position !== undefined) connection.send(liveFrame(name, position));
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
   * Sends a message to all subscribers of a channel: to this node's before it returns, so they wait for no other node. On a channel
   * with history on several nodes the message gets its position first.
   *
   * @param key names the message where it may come twice on a channel with history
   * @returns a promise that rejects when the other nodes cannot be reached; `undefined` when there is nothing to wait for
   */
  publish(name: string, message: ChannelMessage, key?: string): Promise<void> | undefined {
    if (this.#history.isOn && isKept(message) && this.#history.covers(name))
      return this.#append(name, message, key);
    this.deliver(name, message);
    return this.#cluster.publish(name, message);
  }

  #append(name: string, message: ChannelMessage, key: string | undefined): Promise<void> | undefined {
    const position = this.#cluster.append(name, message, key);
    if (position instanceof Promise) {
      this.#noteAppend(name, position);
      return position;
    }
    if (position !== undefined) this.deliver(name, { ...message, position });
    return undefined;
  }

  /** Resolves when this node's events so far are in the channel's log, or have failed; `undefined` when none is on its way there. */
  appended(name: string): Promise<void> | undefined {
    return this.#appending.get(name);
  }

  #noteAppend(name: string, appending: Promise<void>): void {
    const settled = () => {
      if (this.#appending.get(name) === ended) this.#appending.delete(name);
    };
    const ended: Promise<void> = appending.then(settled, settled);
    this.#appending.set(name, ended);
  }

  /** Whether this node has subscriptions of a channel. */
  has(name: string): boolean {
    return this.#channels.has(name);
  }

  /** Makes a function that sends one message to this node's subscribers of the channel that it is called with. */
  deliverer({ event, data, exceptSocketId }: ChannelMessage): (name: string) => void {
    const frameOf = framesOf(event, data);
    return (name) => {
      const channel = this.#channels.get(name);
      if (channel === undefined || channel.subscribers.size === 0) return;
      channel.deliver(frameOf(name), exceptSocketId);
    };
  }

  /** Sends a message to this node's subscribers. The frame is built once, and only when there is a subscriber. */
  deliver(name: string, message: ChannelMessage): void {
    const channel = this.#channels.get(name);
    if (channel === undefined || channel.subscribers.size === 0) return;
    const { event, data, exceptSocketId, userId, position } = message;
    if (position !== undefined) this.#advance(channel, position, exceptSocketId);
    const fields = userId === undefined ? { channel: name, data } : { channel: name, data, userId };
    channel.deliver(frame(event, fields), exceptSocketId);
  }

  /**
   * Tells this node's subscribers from which position on they get every event.
   *
   * @param follows a subscriber at this position has got everything before
   */
  live(name: string, position: Position, follows?: Position): void {
    const channel = this.#channels.get(name);
    if (channel === undefined) return;
    channel.position = position;
    if (channel.subscribers.size > 0) channel.deliver(liveFrame(name, position, follows));
  }

  /** Tells those of the next event's position who count in another way: after it began anew, and where the event is left out. */
  #advance(channel: Channel, position: Position, exceptSocketId: string | undefined): void {
    const { name, position: last } = channel;
    const before = { epoch: position.epoch, offset: position.offset - 1 };
    if (last !== undefined && last.epoch !== position.epoch) channel.deliver(liveFrame(name, before, last));
    channel.position = position;
    if (exceptSocketId !== undefined) channel.tell(exceptSocketId, liveFrame(name, position, before));
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
    this.deliver(name, {
      event: 'pusher_internal:subscription_count',
      data,
      exceptSocketId: undefined,
    });
  }

  #announce(name: string, build: () => Frame): void {
    const channel = this.#channels.get(name);
    if (channel !== undefined && channel.subscribers.size > 0) channel.announce(build());
  }

  #subscribe(session: Session, name: string, user: User | undefined, onAnswered: OnAnswered): void {
    const channel = this.#channels.get(name) ?? new Channel(name, this.#history.covers(name));
    this.#channels.set(name, channel);
    const subscription: Subscription = { channel, user };
    // All sessions share the channel's own string, instead of keeping one from each frame.
    session.subscriptions.set(channel.name, subscription);
    this.#subscriptions++;
    channel.addSubscription(user?.id);
    const resume = session.defer();
    let isWithinCall = true;
    this.#cluster.join(name, channel.subscriptions, user, (refusal) => {
      if (isWithinCall || this.#answers.isFree()) {
        this.#admit(session, subscription, refusal, onAnswered);
        resume();
      } else this.#admitLater(session, subscription, refusal, onAnswered, resume);
    });
    isWithinCall = false;
  }

  #admit(
    session: Session,
    subscription: Subscription,
    refusal: JoinRefusal | undefined,
    onAnswered: OnAnswered,
    start = this.#startOn(subscription.channel),
  ): void {
    const { channel } = subscription;
    // The session may be closed by now.
    if (session.subscriptions.get(channel.name) !== subscription) return;
    if (refusal === undefined) channel.subscribers.add(session.connection);
    else this.leave(session, subscription, true);
    onAnswered({ channel, isFull: refusal === 'full', start });
  }

  /** Admits a session in its turn. Until then the channel's events are kept for it. */
  #admitLater(
    session: Session,
    subscription: Subscription,
    refusal: JoinRefusal | undefined,
    onAnswered: OnAnswered,
    resume: () => void,
  ): void {
    const { channel } = subscription;
    const newcomer = new Newcomer(session.connection);
    if (refusal === undefined) channel.subscribers.add(newcomer);
    // A newer one is among the events that are kept.
    const start = this.#startOn(channel);
    this.#answers.later(() => {
      channel.subscribers.delete(newcomer);
      try {
        this.#admit(session, subscription, refusal, onAnswered, start);
        if (channel.subscribers.has(session.connection)) newcomer.handOver();
      } finally {
        resume();
      }
    });
  }

  #startOn({ name, type, hasHistory }: Channel): Start {
    const cached = type.cached ? this.#cluster.cached(name) : undefined;
    return { cached, position: hasHistory ? this.#cluster.position(name) : undefined };
  }
}

/** Events of clients have no position, and neither have those that the HTTP API publishes under their names: pages cannot tell them. */
function isKept({ isClientEvent, event }: ChannelMessage): boolean {
  return isClientEvent !== true && !event.startsWith(CLIENT_EVENT_PREFIX);
}

/** Sends the remembered event right after `subscription_succeeded`: before any newer event. */
function sendCached(session: Session, name: string, cached: CachedEvent | undefined): void {
  if (cached === undefined) session.connection.send(frame('pusher:cache_miss', { channel: name }));
  else session.connection.send(frame(cached.event, { channel: name, data: cached.data }));
}

/** The roster as `subscription_succeeded` carries it. */
function rosterJson(roster: ReadonlyMap<string, User>): string {
  const ids = [...roster.keys()];
  // Assignment would call the setter of "__proto__", which is a valid id; fromEntries defines a property.
  const hash = Object.fromEntries([...roster].map(([id, { info }]) => [id, info ?? null]));
  return JSON.stringify({ presence: { ids, hash, count: ids.length } });
}
