import pMap from 'p-map';
import * as v from 'valibot';
import type { Clock } from '../../ports/clock.js';
import type { CachedEvent, ChannelInfo } from '../../ports/cluster.js';
import type { User } from '../../ports/user.js';
import { channelType, isUserChannel } from '../../protocol/channel-name.js';
import { run, script } from '../../redis/redis-scripts.js';
import { infoOf } from './bus-message.js';
import type { RedisKeys } from './connection/redis-keys.js';
import type { RedisLink } from './connection/redis-link.js';
import { literal, scan } from './connection/scan.js';
import { readStored } from './remembered-events.js';
import { readMembers, readNodes } from './scripts/channel-record.js';
import { STATUSES_SCRIPT } from './scripts/channel-scripts.js';

const STATUSES = script(STATUSES_SCRIPT);
/** Whether each user is online, and the versions of these statuses. */
const statuses = v.strictTuple([v.array(v.number()), v.array(v.string())]);

/** The status of one user, with a version that grows with every change. */
export interface UserStatus {
  /** The user's own channel. */
  readonly channel: string;
  /** Whether the user is signed in on any node. */
  readonly isOnline: boolean;
  readonly version: number;
}

/** How many names one command reads from a node's list of channels. */
const PAGE = 500;
/** How many channels are asked for at a time. */
const CONCURRENCY = 256;
/** How many channels of a list are, because the answers of all of them may come in one turn of the event loop. */
const LIST_CONCURRENCY = 64;

/** Questions about all nodes together. Only Redis can answer them, so they reject when it cannot be reached. */
export class ClusterQueries {
  readonly #link: RedisLink;
  readonly #keys: RedisKeys;
  readonly #clock: Clock;

  constructor(link: RedisLink, keys: RedisKeys, clock: Clock) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = clock;
  }

  /** A channel, occupied or not. */
  async channel(name: string): Promise<ChannelInfo> {
    const [info, cached] = await Promise.all([this.#record(name), this.#cached(name)]);
    return { ...info, cached };
  }

  async #cached(name: string): Promise<CachedEvent | undefined> {
    if (!channelType(name).cached) return undefined;
    const key = this.#keys.cache(name);
    const [text, ttlMs] = await this.#link.use(({ client }) =>
      Promise.all([client.get(key), client.pttl(key)]),
    );
    const stored = text === null ? undefined : readStored(text);
    if (stored === undefined || ttlMs <= 0) return undefined;
    return { event: stored.event, data: stored.data, expiresAt: this.#clock.now() + ttlMs };
  }

  /** The occupied channels whose names begin with a prefix, without the users' own channels. */
  async channels(prefix: string): Promise<readonly ChannelInfo[]> {
    const [nodes, claims] = await this.#link.use(({ client }) =>
      Promise.all([client.zrange(this.#keys.nodes, 0, '-1'), client.hkeys(this.#keys.claims)]),
    );
    const names = new Set<string>();
    await pMap([...nodes, ...claims], (node) => this.#collectNames(node, prefix, names));
    const occupied: ChannelInfo[] = [];
    const look = async (name: string) => {
      const channel = await this.#record(name);
      if (channel.isOccupied) occupied.push(channel);
    };
    await pMap(names, look, { concurrency: LIST_CONCURRENCY });
    return occupied;
  }

  /** Adds the names on a node's list that begin with a prefix, page by page. */
  async #collectNames(node: string, prefix: string, names: Set<string>): Promise<void> {
    const key = this.#keys.channelsOf(node);
    const pattern = `${literal(prefix)}*`;
    const ask = (cursor: string) =>
      this.#link.use(({ client }) => client.sscan(key, cursor, 'MATCH', pattern, 'COUNT', PAGE));
    for await (const page of scan(ask)) {
      for (const name of page) {
        if (name.startsWith(prefix) && !isUserChannel(name)) names.add(name);
      }
    }
  }

  /** A channel without its cached event. */
  async #record(name: string): Promise<ChannelInfo> {
    const [nodes, members] = await this.#link.use(({ client }) =>
      client.hmget(this.#keys.bus(name), 'nodes', 'members'),
    );
    const entries = [...readNodes(nodes ?? '').values()];
    const userCount = Number(members ?? 0);
    return {
      name,
      isOccupied: entries.some(({ subscriptions }) => subscriptions > 0) || userCount > 0,
      subscriptionCount: entries.reduce((sum, { subscriptions }) => sum + subscriptions, 0),
      userCount,
      cached: undefined,
    };
  }

  /** The members of a presence channel. */
  async members(channel: string): Promise<readonly User[]> {
    const record = await this.#link.use(({ client }) => client.hgetall(this.#keys.bus(channel)));
    return readMembers(record).map(([id, info]) => ({ id, info: infoOf(info) }));
  }

  /** Those of these users' channels whose users are signed in on any node. */
  async online(userChannels: readonly string[]): Promise<ReadonlySet<string>> {
    const found = await pMap(
      userChannels,
      (channel) => this.#link.use(({ client }) => client.hexists(this.#keys.bus(channel), 'nodes')),
      { concurrency: CONCURRENCY },
    );
    return new Set(userChannels.filter((_, index) => found[index] === 1));
  }

  /** Whether the users of these channels are signed in on any node. */
  async statuses(userChannels: readonly string[]): Promise<readonly UserStatus[]> {
    const answers = await this.#link.use((redis) => {
      // The keys of one command have to be in one slot of a Redis Cluster.
      const groups = redis.isSharded ? userChannels.map((channel) => [channel]) : [userChannels];
      const keysOf = (group: readonly string[]) => group.map((channel) => this.#keys.bus(channel));
      return Promise.all(groups.map((group) => run(redis, STATUSES, keysOf(group), [])));
    });
    const parsed = answers.map((answer) => v.parse(statuses, answer));
    const online = parsed.flatMap(([flags]) => flags);
    const versions = parsed.flatMap(([, texts]) => texts);
    return userChannels.map((channel, index) => ({
      channel,
      isOnline: online[index] === 1,
      version: Number(versions[index]),
    }));
  }
}
