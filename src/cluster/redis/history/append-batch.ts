import { ClusterUnreachableError } from '../../../ports/cluster.js';
import { run, type Script } from '../../../redis/redis-scripts.js';
import type { RedisConnection } from '../connection/redis-connection.js';
import type { RedisKeys } from '../connection/redis-keys.js';
import type { RedisLink } from '../connection/redis-link.js';
import { APPENDED } from '../scripts/history-scripts.js';

/** The most events of one call of the script, which nobody else's command interrupts. */
const MOST_EVENTS = 64;
/** With so many characters of them no further one is added. */
const MOST_LENGTH = 256 * 1_024;

/** How an event is kept. */
export interface AppendOptions {
  /** Names an event that may come twice. */
  readonly key: string | undefined;
  /** The event as a cache channel stores it; `undefined` on other channels. */
  readonly cached?: string | undefined;
  /** Whether it goes to the other nodes too. */
  readonly isPublished: boolean;
}

/** One event on its way into its log. */
interface Append extends AppendOptions {
  readonly channel: string;
  readonly message: string;
  /** One call of the script has events of one kind. */
  readonly kind: string;
  readonly resolve: (reply: string) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The events that one turn of the event loop appends: one call of the script keeps all of them, in their order. In a Redis Cluster, where
 * the channels of one call would have to be on one server, each has a call of its own.
 */
export class AppendBatch {
  readonly #link: Pick<RedisLink, 'use' | 'gather'>;
  readonly #keys: RedisKeys;
  readonly #script: Script;
  #appends: Append[] = [];
  #length = 0;

  constructor(link: Pick<RedisLink, 'use' | 'gather'>, keys: RedisKeys, script: Script) {
    this.#link = link;
    this.#keys = keys;
    this.#script = script;
  }

  /**
   * Resolves with the script's reply for the event.
   *
   * @param isFull whether there is no room for the event in its log
   * @throws ClusterUnreachableError when Redis cannot be reached, or refuses the event
   */
  add(channel: string, message: string, options: AppendOptions, isFull: boolean): Promise<string> {
    const { key, cached, isPublished } = options;
    const kind = kindOf(options, isFull);
    return new Promise((resolve, reject) => {
      const append = { channel, message, key, cached, isPublished, kind, resolve, reject };
      const [first = append] = this.#appends;
      const hasRoom = this.#appends.length < MOST_EVENTS && this.#length < MOST_LENGTH;
      const isAlike = first.kind === kind && first.isPublished === isPublished;
      if (!hasRoom || !isAlike) this.#sendAll();
      this.#appends.push(append);
      this.#length += message.length;
      this.#link.gather(this.#sendAll);
    });
  }

  readonly #sendAll = (): void => {
    const appends = this.#appends;
    const length = this.#length;
    this.#appends = [];
    this.#length = 0;
    if (appends.length > 0) void this.#send(appends, length);
  };

  async #send(appends: readonly Append[], length: number): Promise<void> {
    try {
      const replies = await this.#link.use((redis) => this.#keep(redis, appends), length);
      for (let index = 0; index < appends.length; index++) {
        const reply = replies[index];
        if (reply instanceof Error)
          appends[index]?.reject(new ClusterUnreachableError(`Redis failed: ${reply.message}`));
        else appends[index]?.resolve(String(reply));
      }
    } catch (error) {
      for (const { reject } of appends) reject(error);
    }
  }

  /** @returns the reply for each event, which may be an error */
  async #keep(redis: RedisConnection, appends: readonly Append[]): Promise<readonly unknown[]> {
    const replies = redis.isSharded
      ? await Promise.all(appends.map((append) => this.#keepAlone(redis, append)))
      : await this.#run(redis, appends);
    // A server that refuses all of them is of no use, and its connection has to know.
    const refusal = replies.every((reply) => reply instanceof Error) ? replies[0] : undefined;
    if (refusal !== undefined) throw refusal;
    return replies;
  }

  async #keepAlone(redis: RedisConnection, append: Append): Promise<unknown> {
    try {
      const [reply] = await this.#run(redis, [append]);
      return reply;
    } catch (error) {
      return error;
    }
  }

  async #run(redis: RedisConnection, appends: readonly Append[]): Promise<readonly unknown[]> {
    const keys: string[] = [];
    const { isPublished = false, kind = '' } = appends[0] ?? {};
    const publish = redis.isSharded ? 'SPUBLISH' : 'PUBLISH';
    const values = [redis.server, isPublished ? publish : '', kind];
    for (const { channel, message, cached, key } of appends) {
      keys.push(this.#keys.historyHead(channel), this.#keys.historyLog(channel), this.#keys.bus(channel));
      values.push(message.slice(0, -1));
      if (cached !== undefined) {
        keys.push(this.#keys.cache(channel));
        values.push(cached);
      }
      if (key !== undefined) keys.push(this.#keys.once(channel, key));
    }
    redis.gather();
    const reply = await run(redis, this.#script, keys, values);
    return Array.isArray(reply) ? (reply as readonly unknown[]) : [reply];
  }
}

/** How an event is, in the letters of {@link APPENDED}. */
function kindOf({ cached, key }: AppendOptions, isFull: boolean): string {
  let kind = isFull ? APPENDED.isFull : '';
  if (cached !== undefined) kind += APPENDED.areCached;
  if (key !== undefined) kind += APPENDED.haveKeys;
  return kind;
}
