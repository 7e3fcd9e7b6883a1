import type { Clock } from '../../ports/clock.js';
import {
  type AskAnswer,
  CACHE_TTL_MS,
  type ChannelMessage,
  type ClusterNode,
  type ClusterStatistics,
  type MemberAsk,
} from '../../ports/cluster.js';
import type { SocketLogger } from '../../ports/logger.js';
import { channelType, isUserChannel, userChannel } from '../../protocol/channel-name.js';
import { run, script } from '../../redis/redis-scripts.js';
import {
  answerMessage,
  askMessage,
  type BusMessage,
  eventMessage,
  eventsOf,
  readBusMessage,
  removeMessage,
  terminateMessage,
  USERS_LENGTH,
  usersMessage,
} from './bus-message.js';
import type { RosterChange } from './channels/roster.js';
import type { RedisConnection } from './connection/redis-connection.js';
import type { RedisKeys } from './connection/redis-keys.js';
import type { RedisLink } from './connection/redis-link.js';
import type { Appended, RedisLog } from './history/redis-log.js';
import type { Leases } from './leases.js';
import { type RememberedEvents, storedText } from './remembered-events.js';
import { REMEMBER_SCRIPT } from './scripts/channel-scripts.js';
import { SendOrder } from './send-order.js';

/** The beginning of the names that nodes hear answers on. No channel of an application begins like this. */
export const ANSWERS = '#answers-';

const REMEMBER = script(REMEMBER_SCRIPT);

/** Called by a {@link Bus} with the messages that are not for the node itself. */
export interface BusEvents {
  /** Whether this node has subscriptions of a channel. */
  readonly isSubscribed: (channel: string) => boolean;
  readonly rosterChanged: (channel: string, change: RosterChange) => void;
  readonly statusChanged: (userChannel: string, version: number, isOnline: boolean) => void;
  /** A node asks a user of this one. */
  readonly asked: (userChannel: string, replyTo: string, ask: MemberAsk) => void;
  /** A browser on another node answers an ask of this one. */
  readonly answered: (id: string, answer: AskAnswer) => void;
  /** An event of another node on a channel with history. */
  readonly positioned: (channel: string, message: ChannelMessage) => void;
  /** Redis has lost a channel, and a node that is new there waits for the others to report it again. */
  readonly lost: (channel: string) => void;
}

/** The parts that a {@link Bus} works with. */
export interface BusParts {
  readonly link: RedisLink;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly self: ClusterNode;
  readonly leases: Pick<Leases, 'node' | 'isOwn'>;
  readonly remembered: RememberedEvents;
  readonly log: RedisLog;
  readonly logger: SocketLogger;
  /** Longer messages are dropped, in characters; 0 allows any length. */
  readonly maximumLength: number;
}

/** Sends messages to the other nodes over Redis pub/sub. Each node subscribes only to channels that it has subscribers of. */
export class Bus {
  readonly #parts: BusParts;
  readonly #events: BusEvents;
  readonly #ownEvents: readonly [toChannel: string, toUsers: string];
  readonly #order = new SendOrder(() => {
    this.#undelivered++;
  });
  #undelivered = 0;
  #malformed = 0;
  /** The Redis channels to subscribe to (true) or to unsubscribe from, in one command each per turn of the event loop. */
  #queued = new Map<string, boolean>();
  #flushing: Promise<void> | undefined;
  /** The connection that the next two are about. */
  #heardOn: RedisConnection | undefined;
  /** The Redis channels that this node hears, besides that for events to many users. */
  readonly #heard = new Set<string>();
  #hearsUsers = false;

  constructor(parts: BusParts, events: BusEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#ownEvents = eventsOf(parts.leases.node);
  }

  /** The messages that did not arrive, since the process started. */
  get statistics(): ClusterStatistics {
    return { undelivered: this.#undelivered, malformed: this.#malformed };
  }

  /**
   * Sends an event to the nodes that have subscribers of the channel. Cache channels remember it, unless a client sent it.
   *
   * @throws ClusterUnreachableError when Redis cannot be reached
   */
  publish(channel: string, message: ChannelMessage): Promise<void> {
    if (message.isClientEvent !== true && channelType(channel).cached)
      return this.#publishCached(channel, message);
    const { leases, keys } = this.#parts;
    // Many messages may wait to be sent, so each is written when it is.
    return this.#send(async (redis) => {
      await redis.publish(keys.bus(channel), eventMessage(leases.node, message));
    }, message.data?.length);
  }

  async #publishCached(channel: string, message: ChannelMessage): Promise<void> {
    const { leases, remembered } = this.#parts;
    const text = eventMessage(leases.node, message);
    const isSubscribed = this.#events.isSubscribed(channel);
    if (isSubscribed) remembered.sending(channel, message);
    try {
      const stamp = await this.#remember(channel, message, text);
      if (isSubscribed) remembered.sent(channel, message, stamp);
    } catch (error) {
      if (isSubscribed) remembered.failed(channel);
      throw error;
    }
  }

  /**
   * Sends an event to a channel with history. Cache channels remember it.
   *
   * @throws ClusterUnreachableError when Redis cannot be reached, or does not answer: then the event may be in the log all the same
   */
  async append(channel: string, message: ChannelMessage, key: string | undefined): Promise<Appended> {
    const { leases, remembered, log } = this.#parts;
    const cached = channelType(channel).cached ? storedText(message) : undefined;
    const appended = await this.#order.send(
      () => log.append(channel, eventMessage(leases.node, message), { key, cached, isPublished: true }),
      message.data?.length ?? 0,
    );
    if (appended.stamp !== undefined && this.#events.isSubscribed(channel))
      remembered.sent(channel, message, appended.stamp);
    return appended;
  }

  /**
   * Sends an event to the nodes that have some of these users. It goes to every node with subscribers, because one message to
   * each user would carry the data as often. In a Redis Cluster the order would be lost between that message and others to a
   * user, so there each of its servers gets the data once, and sends it on for each user.
   *
   * @throws ClusterUnreachableError when Redis cannot be reached
   */
  async publishToUsers(userChannels: readonly string[], message: ChannelMessage): Promise<void> {
    const { leases, keys, link } = this.#parts;
    const text = usersMessage(leases.node, userChannels, message);
    // There the nodes read the data for each user, and Redis keeps what they have not read.
    const bytes = link.isSharded ? text.length * userChannels.length : text.length;
    await this.#send(
      (redis) =>
        redis.publishOnShards === undefined
          ? redis.publish(keys.users, text)
          : redis.publishOnShards(
              userChannels.map((channel) => keys.bus(channel)),
              eventMessage(leases.node, message),
            ),
      bytes,
    );
  }

  /** Resolves when more can be sent without being refused for its amount; `undefined` while it can. Never rejects. */
  room(): Promise<void> | undefined {
    return this.#order.room() ?? this.#parts.link.room();
  }

  /** How many messages wait to be sent. */
  get waiting(): number {
    return this.#order.waiting;
  }

  /** Resolves when no message waits to be sent any more; `undefined` while none does. Never rejects. */
  sent(): Promise<void> | undefined {
    return this.#order.sent();
  }

  /**
   * Tells the nodes where a user is signed in to end those connections.
   *
   * @throws ClusterUnreachableError when Redis cannot be reached
   */
  async terminate(userChannel: string): Promise<void> {
    const text = terminateMessage(this.#parts.leases.node);
    await this.#send((redis) => redis.publish(this.#parts.keys.bus(userChannel), text));
  }

  /**
   * Tells the nodes where a user is signed in, and those that have subscribers of the channel, to end the user's subscriptions
   * to it.
   *
   * @throws ClusterUnreachableError when Redis cannot be reached
   */
  async remove(channel: string, userId: string): Promise<void> {
    const { leases, keys } = this.#parts;
    const text = removeMessage(leases.node, channel, userId);
    const to = [keys.bus(channel), keys.bus(userChannel(userId))];
    await this.#send((redis) => Promise.all(to.map((redisChannel) => redis.publish(redisChannel, text))));
  }

  /**
   * Asks a user through the nodes where the user is signed in.
   *
   * @param replyTo the name that this node hears answers on
   * @throws ClusterUnreachableError when Redis cannot be reached
   */
  async ask(userChannel: string, replyTo: string, ask: MemberAsk): Promise<void> {
    const text = askMessage(this.#parts.leases.node, replyTo, ask);
    await this.#send((redis) => redis.publish(this.#parts.keys.bus(userChannel), text), text.length);
  }

  /**
   * Sends a browser's answer to the node that asked.
   *
   * @throws ClusterUnreachableError when Redis cannot be reached
   */
  async answer(replyTo: string, id: string, answer: AskAnswer): Promise<void> {
    const text = answerMessage(id, answer);
    await this.#send((redis) => redis.publish(this.#parts.keys.bus(replyTo), text), text.length);
  }

  /** Subscribes to a Redis channel. Resolves when the subscription is in force. */
  subscribe(redisChannel: string): Promise<void> {
    return this.#queueSubscription(redisChannel, true);
  }

  /** Unsubscribes from a Redis channel. */
  unsubscribe(redisChannel: string): Promise<void> {
    return this.#queueSubscription(redisChannel, false);
  }

  /** Handles a message from Redis. A message of any content is safe: those that no node sends are counted and dropped. */
  receive(redisChannel: string, text: string): void {
    // A node hears its own events too. They are most of its messages, so they are not even parsed.
    if (this.#ownEvents.some((own) => text.startsWith(own))) return;
    const { keys, clock, logger, maximumLength } = this.#parts;
    const topic = keys.read(redisChannel);
    const longest = redisChannel === keys.users ? maximumLength + USERS_LENGTH : maximumLength;
    const isTooLong = maximumLength !== 0 && text.length > longest;
    const message = isTooLong ? undefined : readBusMessage(text, clock.time());
    try {
      if (topic === undefined || message === undefined || !this.#handle(topic, message)) {
        this.#drop(redisChannel);
      }
    } catch (error) {
      logger.error(`Unexpected error while handling another node's message: ${String(error)}`);
    }
  }

  /** @returns whether the message may come on that Redis channel */
  #handle(
    { channel, isStatus }: { readonly channel: string; readonly isStatus: boolean },
    message: BusMessage,
  ): boolean {
    const { leases, remembered, self } = this.#parts;
    if (isStatus !== (message.kind === 'status')) return false;
    switch (message.kind) {
      case 'event':
        if (message.node === leases.node) return true;
        if (message.stamp !== undefined && this.#events.isSubscribed(channel)) {
          remembered.sent(channel, message.message, message.stamp);
        }
        if (message.message.position === undefined) self.deliver(channel, message.message);
        else this.#events.positioned(channel, message.message);
        return true;
      case 'users':
        if (message.node !== leases.node) self.deliverToUsers(message.userChannels, message.message);
        return true;
      case 'terminate':
        if (!isUserChannel(channel)) return false;
        if (message.node !== leases.node) self.terminate(channel);
        return true;
      case 'ask':
        if (!isUserChannel(channel) || !message.replyTo.startsWith(ANSWERS)) return false;
        if (message.node !== leases.node) this.#events.asked(channel, message.replyTo, message.ask);
        return true;
      case 'answer':
        if (!channel.startsWith(ANSWERS)) return false;
        this.#events.answered(message.id, message.answer);
        return true;
      case 'lost':
        this.#events.lost(channel);
        return true;
      case 'remove':
        if (channel !== message.channel && channel !== userChannel(message.id)) return false;
        if (message.node !== leases.node) self.remove(message.channel, message.id);
        return true;
      case 'added':
      case 'removed':
        if (channelType(channel).access !== 'presence') return false;
        this.#events.rosterChanged(channel, message);
        return true;
      case 'count':
        if (!leases.isOwn(message.node)) self.counted(channel, message.count);
        return true;
      case 'status':
        if (!isUserChannel(channel)) return false;
        this.#events.statusChanged(channel, message.version, message.isOnline);
        return true;
    }
  }

  #drop(redisChannel: string): void {
    this.#malformed++;
    if (this.#malformed === 1) {
      const name = JSON.stringify(redisChannel.slice(0, 200));
      this.#parts.logger.warn(
        `A message on the Redis channel ${name} was dropped: no node of this cluster sent it`,
      );
    }
  }

  /** @returns the event's stamp */
  async #remember(channel: string, message: ChannelMessage, text: string): Promise<number> {
    const { keys } = this.#parts;
    const stamp = await this.#send(
      (redis) =>
        run(
          redis,
          REMEMBER,
          [keys.bus(channel), keys.cache(channel)],
          [storedText(message), CACHE_TTL_MS, text.slice(0, -1), redis.isSharded ? '1' : '0'],
        ),
      2 * text.length,
    );
    return Number(stamp);
  }

  #send<T>(command: (redis: RedisConnection) => Promise<T>, bytes = 0): Promise<T> {
    return this.#order.send(() => this.#parts.link.use(command, bytes), bytes);
  }

  #queueSubscription(redisChannel: string, isWanted: boolean): Promise<void> {
    this.#queued.set(redisChannel, isWanted);
    this.#flushing ??= Promise.resolve().then(() => this.#flushSubscriptions());
    return this.#flushing;
  }

  async #flushSubscriptions(): Promise<void> {
    const queued = [...this.#queued];
    this.#queued = new Map();
    this.#flushing = undefined;
    const added = queued.filter(([, isWanted]) => isWanted).map(([name]) => name);
    const removed = queued.filter(([, isWanted]) => !isWanted).map(([name]) => name);
    await this.#parts.link.use(async (redis) => {
      if (this.#heardOn !== redis) {
        this.#heardOn = redis;
        this.#heard.clear();
        this.#hearsUsers = false;
      }
      for (const name of added) this.#heard.add(name);
      for (const name of removed) this.#heard.delete(name);
      if (!redis.isSharded) this.#hearUsers(added, removed);
      try {
        await Promise.all([
          added.length === 0 ? undefined : redis.subscribe(added),
          removed.length === 0 ? undefined : redis.unsubscribe(removed),
        ]);
      } catch (error) {
        this.#hearsUsers = false;
        throw error;
      }
    });
  }

  /**
   * With its first channel this node begins to hear events to many users, so that no subscriber is there without; and with its
   * last one it stops.
   */
  #hearUsers(added: string[], removed: string[]): void {
    const { users } = this.#parts.keys;
    const isWanted = this.#heard.size > 0;
    if (isWanted === this.#hearsUsers) return;
    this.#hearsUsers = isWanted;
    if (isWanted) added.unshift(users);
    else removed.push(users);
  }
}
