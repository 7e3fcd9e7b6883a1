import type { Clock } from '../../ports/clock.js';
import {
  CACHE_TTL_MS,
  type ChannelMessage,
  type ClusterNode,
  type ClusterStatistics,
} from '../../ports/cluster.js';
import type { SocketLogger } from '../../ports/logger.js';
import { channelType, isUserChannel, userChannel } from '../../protocol/channel-name.js';
import { run, script } from '../../redis/redis-scripts.js';
import {
  type BusMessage,
  eventMessage,
  eventsOf,
  readBusMessage,
  removeMessage,
  terminateMessage,
} from './bus-message.js';
import type { RosterChange } from './channels/presence.js';
import type { RedisConnection } from './connection/redis-connection.js';
import type { RedisKeys } from './connection/redis-keys.js';
import type { RedisLink } from './connection/redis-link.js';
import type { Leases } from './leases.js';
import { type RememberedEvents, storedText } from './remembered-events.js';
import { REMEMBER_SCRIPT } from './scripts/channel-scripts.js';

const REMEMBER = script(REMEMBER_SCRIPT);

/** Called by a {@link Bus} with the messages that are not for the node itself. */
export interface BusEvents {
  /** Whether this node has subscriptions of a channel. */
  readonly isSubscribed: (channel: string) => boolean;
  readonly rosterChanged: (channel: string, change: RosterChange) => void;
  readonly statusChanged: (userChannel: string, version: number, isOnline: boolean) => void;
}

/** The parts that a {@link Bus} works with. */
export interface BusParts {
  readonly link: RedisLink;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly self: ClusterNode;
  readonly leases: Pick<Leases, 'node' | 'isOwn'>;
  readonly remembered: RememberedEvents;
  readonly logger: SocketLogger;
  /** Longer messages are dropped, in characters; 0 allows any length. */
  readonly maximumLength: number;
}

/** Sends messages to the other nodes over Redis pub/sub. Each node subscribes only to channels that it has subscribers of. */
export class Bus {
  readonly #parts: BusParts;
  readonly #events: BusEvents;
  readonly #ownEvents: string;
  #undelivered = 0;
  #malformed = 0;
  /** The Redis channels to subscribe to (true) or to unsubscribe from, in one command each per turn of the event loop. */
  #queued = new Map<string, boolean>();
  #flushing: Promise<void> | undefined;

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
  async publish(channel: string, message: ChannelMessage): Promise<void> {
    const { leases, keys, remembered } = this.#parts;
    const text = eventMessage(leases.node, message);
    if (message.isClientEvent === true || !channelType(channel).cached) {
      await this.#send((redis) => redis.publish(keys.bus(channel), text), text.length);
      return;
    }
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
    if (text.startsWith(this.#ownEvents)) return;
    const { keys, clock, logger, maximumLength } = this.#parts;
    const topic = keys.read(redisChannel);
    const isTooLong = maximumLength !== 0 && text.length > maximumLength;
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
        self.deliver(channel, message.message);
        return true;
      case 'terminate':
        if (!isUserChannel(channel)) return false;
        if (message.node !== leases.node) self.terminate(channel);
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
          [keys.of(channel, 'cache'), keys.of(channel, 'missed'), keys.bus(channel)],
          [storedText(message), CACHE_TTL_MS, text.slice(0, -1), redis.isSharded ? '1' : '0'],
        ),
      2 * text.length,
    );
    return Number(stamp);
  }

  async #send<T>(command: (redis: RedisConnection) => Promise<T>, bytes = 0): Promise<T> {
    try {
      return await this.#parts.link.use(command, bytes);
    } catch (error) {
      this.#undelivered++;
      throw error;
    }
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
    await this.#parts.link.use((redis) =>
      Promise.all([
        added.length === 0 ? undefined : redis.subscribe(added),
        removed.length === 0 ? undefined : redis.unsubscribe(removed),
      ]),
    );
  }
}
