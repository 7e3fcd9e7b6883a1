import pMap from 'p-map';
import * as v from 'valibot';
import type { Clock } from '../../ports/clock.js';
import type { ChannelInfo } from '../../ports/cluster.js';
import type { User } from '../../ports/user.js';
import { isUserChannel } from '../../protocol/channel-name.js';
import { run, script } from '../../redis/redis-scripts.js';
import { infoOf } from './bus-message.js';
import type { RedisKeys } from './connection/redis-keys.js';
import type { RedisLink } from './connection/redis-link.js';
import { readStored } from './remembered-events.js';
import { LOOK_SCRIPT } from './scripts/channel-scripts.js';

const LOOK = script(LOOK_SCRIPT);
/** The nodes' subscriptions, the members, the cached event, its milliseconds, and the version. */
const look = v.strictTuple([v.array(v.string()), v.array(v.string()), v.string(), v.number(), v.string()]);

/** How many channels are asked for at a time. */
const CONCURRENCY = 256;

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
  channel(name: string): Promise<ChannelInfo> {
    return this.#channel(name, true);
  }

  async #channel(name: string, isCacheWanted: boolean): Promise<ChannelInfo> {
    const [counts, userIds, stored, ttlMs] = await this.#look(name, isCacheWanted);
    const cached = stored === '' ? undefined : readStored(stored);
    return {
      name,
      isOccupied: counts.length > 0 || userIds.length > 0,
      subscriptionCount: counts.reduce((sum, count) => sum + Number(count), 0),
      userIds,
      cached: cached && { event: cached.event, data: cached.data, expiresAt: this.#clock.now() + ttlMs },
    };
  }

  /** The occupied channels whose names begin with a prefix, without the users' own channels. */
  async channels(prefix: string): Promise<readonly ChannelInfo[]> {
    const [nodes, claims] = await this.#link.use(({ client }) =>
      Promise.all([client.zrange(this.#keys.nodes, 0, '-1'), client.hkeys(this.#keys.claims)]),
    );
    const lists = await pMap([...nodes, ...claims], (node) =>
      this.#link.use(({ client }) => client.smembers(this.#keys.channelsOf(node))),
    );
    const names = new Set(lists.flat());
    const wanted = [...names].filter((name) => name.startsWith(prefix) && !isUserChannel(name));
    const channels = await pMap(wanted, (name) => this.#channel(name, false), { concurrency: CONCURRENCY });
    return channels.filter(({ isOccupied }) => isOccupied);
  }

  /** The members of a presence channel. */
  async members(channel: string): Promise<readonly User[]> {
    const infos = await this.#link.use(({ client }) => client.hgetall(this.#keys.of(channel, 'members')));
    return Object.entries(infos).map(([id, info]) => ({ id, info: infoOf(info) }));
  }

  /** Those of these users' channels whose users are signed in on any node. */
  async online(userChannels: readonly string[]): Promise<ReadonlySet<string>> {
    const found = await pMap(
      userChannels,
      (channel) => this.#link.use(({ client }) => client.exists(this.#keys.of(channel, 'nodes'))),
      { concurrency: CONCURRENCY },
    );
    return new Set(userChannels.filter((_, index) => found[index] === 1));
  }

  /** Whether the user of a channel is signed in on any node, and the version of that status. */
  async status(userChannel: string): Promise<{ readonly isOnline: boolean; readonly version: number }> {
    const [counts, , , , version] = await this.#look(userChannel, false);
    return { isOnline: counts.length > 0, version: Number(version) };
  }

  async #look(channel: string, isCacheWanted: boolean): Promise<v.InferOutput<typeof look>> {
    const keys = (['nodes', 'members', 'cache', 'version'] as const).map((what) =>
      this.#keys.of(channel, what),
    );
    return v.parse(
      look,
      await this.#link.use((redis) => run(redis, LOOK, keys, [isCacheWanted ? '1' : '0'])),
    );
  }
}
