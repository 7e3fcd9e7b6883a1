import pMap from 'p-map';
import type { Clock, Timer } from '../../ports/clock.js';
import type { Bus } from './bus.js';
import type { ClusterQueries } from './cluster-queries.js';
import type { RedisKeys } from './connection/redis-keys.js';
import { Rounds } from './rounds.js';
import type { WatchedUsers } from './watched-users.js';

/** How many users are asked for with one command. */
const BATCH = 100;
/** How many of these commands are under way when all watched users are asked for. */
const CONCURRENCY = 4;

/** How long a user is kept whom nobody watches any more, or up to twice as long. */
export const KEPT_MS = 60_000;

/** The parts that {@link UserStatuses} work with. */
export interface StatusParts {
  readonly clock: Clock;
  readonly bus: Pick<Bus, 'subscribe' | 'unsubscribe'>;
  readonly keys: RedisKeys;
  readonly queries: Pick<ClusterQueries, 'statuses'>;
  readonly watched: WatchedUsers;
  /** Whether the user of a channel is signed in on this node. */
  readonly isHere: (userChannel: string) => boolean;
}

/**
 * Keeps the statuses of watched users up to date: subscribes to their changes, and asks Redis once for each user. A user who is
 * watched already, or was a moment ago, costs nothing. Redis is asked again once in ten seconds, because it may have lost data, or a
 * subscription, without a word.
 */
export class UserStatuses {
  readonly #parts: StatusParts;
  /** The users who are asked for at this moment, by their channels. */
  readonly #asking = new Map<string, Promise<void>>();

  readonly #rounds: Rounds<unknown>;
  #sweep: Timer | undefined;

  constructor(parts: StatusParts) {
    this.#parts = parts;
    this.#rounds = new Rounds(parts.watched.all, parts.clock, (batch) =>
      this.#confirm(batch.map(([channel]) => channel)),
    );
  }

  /** As in `Cluster.watch`. */
  watch(userChannels: readonly string[], done: (online: ReadonlySet<string>) => void): void {
    const { watched } = this.#parts;
    watched.add(userChannels);
    this.#rounds.start();
    const unknown = userChannels.filter((channel) => !watched.isKnown(channel));
    const unasked = unknown.filter((channel) => !this.#asking.has(channel));
    if (unasked.length > 0) void this.#ask(unasked);
    const answers = new Set(unknown.flatMap((channel) => this.#asking.get(channel) ?? []));
    void Promise.all(answers).then(() => {
      done(watched.online(userChannels));
    });
  }

  /** As in `Cluster.unwatch`. */
  unwatch(userChannels: readonly string[]): void {
    const { clock, watched } = this.#parts;
    this.#unsubscribe(watched.release(userChannels, clock.now()));
    this.#sweepLater();
  }

  /** The connection to Redis is lost, and with it all subscriptions. */
  disconnected(): void {
    this.#parts.watched.forgetKept();
  }

  /** Redis may have lost subscriptions or data: asks for all watched users again. */
  async restore(): Promise<void> {
    const { watched } = this.#parts;
    this.#unsubscribe(watched.forgetKept());
    watched.doubt();
    this.#asking.clear();
    const { channels } = watched;
    const batches = Array.from({ length: Math.ceil(channels.length / BATCH) }, (_, index) =>
      channels.slice(index * BATCH, (index + 1) * BATCH),
    );
    await pMap(batches, (batch) => this.#ask(batch), { concurrency: CONCURRENCY });
  }

  /** Stops the timers. */
  close(): void {
    this.#rounds.stop();
    this.#sweep?.cancel();
    this.#sweep = undefined;
  }

  #sweepLater(): void {
    const { clock, watched } = this.#parts;
    if (!watched.isKeeping) return;
    this.#sweep ??= clock.after(KEPT_MS, () => {
      this.#sweep = undefined;
      this.#unsubscribe(watched.forgetKept(clock.now() - KEPT_MS));
      this.#sweepLater();
    });
  }

  #unsubscribe(userChannels: readonly string[]): void {
    const { bus, keys } = this.#parts;
    for (const channel of userChannels) {
      // An answer that is under way would not be followed by changes.
      this.#asking.delete(channel);
      bus.unsubscribe(keys.status(channel)).catch(() => {
        // The connection is gone, and its subscriptions with it.
      });
    }
  }

  #ask(userChannels: readonly string[]): Promise<void> {
    const answered = this.#learn(userChannels).finally(() => {
      for (const channel of userChannels) {
        if (this.#asking.get(channel) === answered) this.#asking.delete(channel);
      }
    });
    for (const channel of userChannels) this.#asking.set(channel, answered);
    return answered;
  }

  /** Compares statuses with those that Redis has. Never rejects. */
  async #confirm(userChannels: readonly string[]): Promise<void> {
    const { queries, watched } = this.#parts;
    if (userChannels.length === 0) return;
    try {
      for (const { channel, isOnline, version } of await queries.statuses(userChannels)) {
        watched.confirm(channel, isOnline, version);
      }
    } catch {
      // Redis is away: everything is asked again when it is back.
    }
  }

  /** While Redis is away, the status on this node is used. */
  async #learn(userChannels: readonly string[]): Promise<void> {
    const { bus, keys, queries, watched, isHere } = this.#parts;
    try {
      await Promise.all(userChannels.map((channel) => bus.subscribe(keys.status(channel))));
      for (const { channel, isOnline, version } of await queries.statuses(userChannels)) {
        watched.learn(channel, isOnline, version);
      }
    } catch {
      for (const channel of userChannels) watched.assume(channel, isHere(channel));
    }
  }
}
