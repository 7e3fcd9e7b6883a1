import {
  CACHE_TTL_MS,
  type ChannelMessage,
  type ClusterNode,
  type ClusterStatistics,
} from '../../ports/cluster.js';
import type { SocketLogger } from '../../ports/logger.js';
import { channelType, userOfChannel } from '../../protocol/channel-name.js';
import { type BusMessage, eventMessage, eventsOf, readBusMessage, terminateMessage } from './bus-message.js';
import type { Leases } from './leases.js';
import type { RedisKeys } from './connection/redis-keys.js';
import type { RedisLink } from './connection/redis-link.js';
import type { RedisConnection } from './connection/redis-connection.js';
import { run, script } from '../../redis/redis-scripts.js';
import { type RememberedEvents, storedText } from './remembered-events.js';
import { REMEMBER_SCRIPT } from './scripts/scripts.js';

const REMEMBER = script(REMEMBER_SCRIPT);

/** What the bus brings that is not for the node itself. */
export interface BusEvents {
  /** Whether this node has subscriptions of a channel. */
  readonly isHeard: (channel: string) => boolean;
  readonly rosterChanged: (
    channel: string,
    message: Extract<BusMessage, { kind: 'added' | 'removed' }>,
  ) => void;
  readonly statusChanged: (userId: string, version: number, isOnline: boolean) => void;
}

/** What a bus works with. */
export interface BusParts {
  readonly link: RedisLink;
  readonly keys: RedisKeys;
  readonly self: ClusterNode;
  readonly leases: Pick<Leases, 'node' | 'isOwn'>;
  readonly remembered: RememberedEvents;
  readonly logger: SocketLogger;
  /** Longer messages are none of ours; 0 allows any length. */
  readonly maximumLength: number;
}

/** What nodes tell each other, over the pub/sub of Redis: each hears only of channels that it has subscribers of. */
export class Bus {
  readonly #ownEvents: string;
  #undelivered = 0;
  #malformed = 0;
  /** What this turn wants to hear, and what no more; it leaves together. */
  #wishes = new Map<string, boolean>();
  #flushing: Promise<void> | undefined;

  constructor(
    private readonly parts: BusParts,
    private readonly events: BusEvents,
  ) {
    this.#ownEvents = eventsOf(parts.leases.node);
  }

  get statistics(): ClusterStatistics {
    return { undelivered: this.#undelivered, malformed: this.#malformed };
  }

  /** Sends an event to the nodes that have subscribers of the channel. */
  async publish(channel: string, message: ChannelMessage): Promise<void> {
    const text = eventMessage(this.parts.leases.node, message);
    if (message.isClientEvent === true || !channelType(channel).cached) {
      await this.#send((redis) => redis.publish(this.parts.keys.bus(channel), text), text.length);
      return;
    }
    const isHeard = this.events.isHeard(channel);
    if (isHeard) this.parts.remembered.sending(channel, message);
    try {
      const stamp = await this.#remember(channel, message, text);
      if (isHeard) this.parts.remembered.sent(channel, message, stamp);
    } catch (error) {
      if (isHeard) this.parts.remembered.failed(channel);
      throw error;
    }
  }

  /** Tells the nodes where a user is signed in to end those connections. */
  async terminate(userChannel: string): Promise<void> {
    const text = terminateMessage(this.parts.leases.node);
    await this.#send((redis) => redis.publish(this.parts.keys.bus(userChannel), text));
  }

  /** Hears a Redis channel from when this resolves. */
  subscribe(redisChannel: string): Promise<void> {
    return this.#queueSubscription(redisChannel, true);
  }

  /** Hears it no more. */
  unsubscribe(redisChannel: string): Promise<void> {
    return this.#queueSubscription(redisChannel, false);
  }

  /** What came from Redis. Whatever it is, it does no harm. */
  receive(redisChannel: string, text: string): void {
    // Its own events come back to it, and are the most of what does.
    if (text.startsWith(this.#ownEvents)) return;
    const about = this.parts.keys.read(redisChannel);
    const isTooLong = this.parts.maximumLength !== 0 && text.length > this.parts.maximumLength;
    const message = isTooLong ? undefined : readBusMessage(text);
    try {
      if (about === undefined || message === undefined || !this.#pass(about, message))
        this.#drop(redisChannel);
    } catch (error) {
      this.parts.logger.error(`Unexpected error while handling another node's message: ${String(error)}`);
    }
  }

  /** @returns whether it belonged there */
  #pass({ channel, isStatus }: { channel: string; isStatus: boolean }, message: BusMessage): boolean {
    const userId = userOfChannel(channel);
    if (isStatus !== (message.kind === 'status')) return false;
    switch (message.kind) {
      case 'event':
        if (message.node === this.parts.leases.node) return true;
        if (message.stamp !== undefined && this.events.isHeard(channel)) {
          this.parts.remembered.sent(channel, message.message, message.stamp);
        }
        this.parts.self.deliver(channel, message.message);
        return true;
      case 'terminate':
        if (userId === undefined) return false;
        if (message.node !== this.parts.leases.node) this.parts.self.terminate(userId);
        return true;
      case 'added':
      case 'removed':
        if (channelType(channel).access !== 'presence') return false;
        this.events.rosterChanged(channel, message);
        return true;
      case 'count':
        if (!this.parts.leases.isOwn(message.node)) this.parts.self.counted(channel, message.count);
        return true;
      case 'status':
        if (userId === undefined) return false;
        this.events.statusChanged(userId, message.version, message.isOnline);
        return true;
    }
  }

  #drop(redisChannel: string): void {
    this.#malformed++;
    if (this.#malformed === 1) {
      const name = JSON.stringify(redisChannel.slice(0, 200));
      this.parts.logger.warn(
        `A message on the Redis channel ${name} was dropped: no node of this cluster sent it`,
      );
    }
  }

  /** @returns which of the channel's events it is */
  async #remember(channel: string, message: ChannelMessage, text: string): Promise<number> {
    const { keys } = this.parts;
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
      return await this.parts.link.use(command, bytes);
    } catch (error) {
      this.#undelivered++;
      throw error;
    }
  }

  #queueSubscription(redisChannel: string, isHeard: boolean): Promise<void> {
    this.#wishes.set(redisChannel, isHeard);
    this.#flushing ??= Promise.resolve().then(() => this.#flushSubscriptions());
    return this.#flushing;
  }

  async #flushSubscriptions(): Promise<void> {
    const wishes = [...this.#wishes];
    this.#wishes = new Map();
    this.#flushing = undefined;
    const heard = wishes.filter(([, isHeard]) => isHeard).map(([name]) => name);
    const unheard = wishes.filter(([, isHeard]) => !isHeard).map(([name]) => name);
    await this.parts.link.use((redis) =>
      Promise.all([
        heard.length === 0 ? undefined : redis.subscribe(heard),
        unheard.length === 0 ? undefined : redis.unsubscribe(unheard),
      ]),
    );
  }
}
