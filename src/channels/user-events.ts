import type { ChannelMessage, Cluster } from '../ports/cluster.js';
import type { Work } from '../ports/slices.js';
import { userChannel } from '../protocol/channel-name.js';
import type { Channels } from './channels.js';
import type { Delivery, FanOut } from './fan-out.js';

/** Users whom an event may have missed, because the other nodes could not be reached. */
export interface MissedUsers {
  readonly userIds: readonly string[];
  readonly cause: unknown;
}

/** Some of the users of an event, and whether the other nodes could be reached for them. */
interface SentPart {
  readonly userIds: readonly string[];
  readonly outcome: Promise<void>;
}

/** One event to many users: to this node's own connections, and with its data once to the other nodes. */
export class UserEvents {
  readonly #cluster: Cluster;
  readonly #channels: Channels;
  readonly #fanOut: FanOut;
  /** Whether the events of users are kept. */
  readonly #hasHistory: boolean;

  constructor(cluster: Cluster, channels: Channels, fanOut: FanOut, hasHistory: boolean) {
    this.#cluster = cluster;
    this.#channels = channels;
    this.#fanOut = fanOut;
    this.#hasHistory = hasHistory;
  }

  /**
   * Sends an event to users, on all nodes. To few users of this node it is delivered before the call returns.
   *
   * @param userIds each of them once
   * @param key names the message where it may come twice and users have history
   * @returns those whom it may have missed; `undefined` when it was delivered and there is nothing to wait for
   */
  publish(
    userIds: readonly string[],
    message: ChannelMessage,
    key?: string,
  ): Promise<readonly MissedUsers[]> | undefined {
    const parts: SentPart[] = [];
    const delivered = this.#fanOut.toMany(userIds, this.#channelOf, (channels, done) =>
      this.#hasHistory
        ? this.#append(userIds, channels, message, key, done, parts)
        : this.#publish(userIds, channels, message, done, parts),
    );
    if (delivered === undefined && parts.length === 0) return undefined;
    return missed(delivered, parts);
  }

  /** Delivers an event of another node to those users who are connected to this one. */
  deliver(userChannels: readonly string[], message: ChannelMessage): void {
    const here = userChannels.filter((channel) => this.#channels.has(channel));
    const deliver: Delivery = (channels, done) => this.#deliver(channels, message, done);
    void this.#fanOut.toMany(here, (channel) => channel, deliver);
  }

  /** Without other nodes, nothing is kept for users who are not here: fifty thousand names are garbage to collect. */
  readonly #channelOf = (userId: string): string | undefined => {
    const channel = userChannel(userId);
    const isAlone = this.#cluster.usersAtOnce === Infinity && !this.#hasHistory;
    return isAlone && !this.#channels.has(channel) ? undefined : channel;
  };

  *#publish(
    userIds: readonly string[],
    channels: readonly string[],
    message: ChannelMessage,
    done: (channel: string) => void,
    parts: SentPart[],
  ): Work {
    const { usersAtOnce } = this.#cluster;
    for (let start = 0; start < channels.length; start += usersAtOnce) {
      // Redis is behind: the rest waits here, and with it everything later to these users.
      yield this.#cluster.room();
      const part = channels.slice(start, start + usersAtOnce);
      const outcome = this.#cluster.publishToUsers(part, message);
      if (outcome !== undefined) {
        // Somebody looks at it once the last part is sent.
        outcome.catch(() => undefined);
        parts.push({ userIds: userIds.slice(start, start + usersAtOnce), outcome });
      }
      yield* this.#deliver(part, message, done);
    }
  }

  /** Each user's own log has the event, so it goes to each user alone. */
  *#append(
    userIds: readonly string[],
    channels: readonly string[],
    message: ChannelMessage,
    key: string | undefined,
    done: (channel: string) => void,
    parts: SentPart[],
  ): Work {
    for (const [index, channel] of channels.entries()) {
      yield this.#cluster.room();
      const outcome = this.#channels.publish(channel, message, key);
      if (outcome !== undefined) {
        outcome.catch(() => undefined);
        parts.push({ userIds: userIds.slice(index, index + 1), outcome });
      }
      done(channel);
    }
  }

  *#deliver(channels: readonly string[], message: ChannelMessage, done: (channel: string) => void): Work {
    const deliver = this.#channels.deliverer(message);
    for (const channel of channels) {
      deliver(channel);
      done(channel);
      yield;
    }
  }
}

async function missed(
  delivered: Promise<void> | undefined,
  parts: readonly SentPart[],
): Promise<readonly MissedUsers[]> {
  await delivered;
  const results = await Promise.allSettled(parts.map(({ outcome }) => outcome));
  return results.flatMap((result, index) =>
    result.status === 'fulfilled'
      ? []
      : [{ userIds: parts[index]?.userIds ?? [], cause: result.reason as unknown }],
  );
}
