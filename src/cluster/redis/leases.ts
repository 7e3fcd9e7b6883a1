import { randomBytes } from 'node:crypto';
import pMap from 'p-map';
import * as v from 'valibot';
import type { Clock, Timer } from '../../ports/clock.js';
import { run, script } from '../../redis/redis-scripts.js';
import type { RedisKeys } from './connection/redis-keys.js';
import type { RedisLink } from './connection/redis-link.js';
import { RENEW_SCRIPT, RESIGN_SCRIPT, RETIRE_SCRIPT } from './scripts/lease-scripts.js';

/** A node that has not renewed its lease for so long is gone, in milliseconds. */
export const LEASE_MS = 8_000;
const RENEWAL_MS = 2_000;
/**
 * If no node has renewed for so long, Redis was away. It is shorter than a lease less one renewal, so that a lease that was
 * renewed just before is still good when Redis notices.
 */
const SILENCE_MS = LEASE_MS - RENEWAL_MS - 1_000;
/** How many channels of a node that is gone are reaped at a time. */
const REAPING_CONCURRENCY = 256;

const RENEW = script(RENEW_SCRIPT);
const RETIRE = script(RETIRE_SCRIPT);
const RESIGN = script(RESIGN_SCRIPT);
/** The epoch, 1 if the lease was good, and `node, since, node, since`… of the nodes to reap. */
const renewal = v.strictTuple([v.string(), v.number(), v.array(v.string())]);

/** Called by {@link Leases}. */
export interface LeaseEvents {
  /** Redis did not know the lease any more. The node has a new name, and everything has to be reported again. */
  readonly lapsed: (isDataLost: boolean) => void;
  /** Removes what a node had on a channel. */
  readonly reap: (channel: string, node: string, since: number, isLast: boolean) => Promise<void>;
  /** The lease was not renewed, or a node not reaped. A problem that stays is reported once. */
  readonly failed: (error: unknown) => void;
}

/**
 * The nodes that are alive. Every node renews a lease. When a lease is over, the first node that notices reaps it: removes
 * what its node had. A node that was only slow comes back under a new lease name, so reaping the old name cannot remove
 * anything of the new one.
 */
export class Leases {
  readonly #link: RedisLink;
  readonly #keys: RedisKeys;
  readonly #clock: Clock;
  readonly #events: LeaseEvents;
  /** The name of this process, for as long as it lives. */
  readonly node = randomBytes(6).toString('base64url').replaceAll(/[-_]/g, '0');
  #incarnation = 1;
  #isRegistered = false;
  #epoch: string | undefined;
  #isStarted = false;
  #timer: Timer | undefined;
  #renewing: Promise<void> | undefined;
  readonly #reaping = new Map<string, Promise<void>>();
  /** Whether the lease was lost and `lapsed` was not called yet. */
  #hasLapsed = false;
  /** Whether Redis has lost its data since the last renewal. */
  #isDataLost = false;
  #problem: string | undefined;

  constructor(link: RedisLink, keys: RedisKeys, clock: Clock, events: LeaseEvents) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = clock;
    this.#events = events;
  }

  /** The lease name: the name under which Redis has what this node reports. */
  get name(): string {
    return `${this.node}.${this.#incarnation}`;
  }

  /** Whether a lease name is, or was, one of this process. */
  isOwn(name: string): boolean {
    return name.startsWith(`${this.node}.`);
  }

  /** Whether this node renews its lease. */
  get isStarted(): boolean {
    return this.#isStarted;
  }

  /** Takes a lease and renews it from now on. Resolves when Redis has it, or when Redis cannot be reached. */
  async start(): Promise<void> {
    if (this.#isStarted) return;
    this.#isStarted = true;
    await this.#link.tried();
    await this.renew();
  }

  /** Renews the lease on a new connection. @returns whether Redis has lost its data since the last connection */
  async enter(): Promise<boolean> {
    const before = this.#epoch;
    if (this.#isStarted) await this.renew();
    return before !== undefined && before !== this.#epoch;
  }

  /** Why the lease was not renewed; `undefined` while it is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Renews the lease, and reaps the leases that are over. Never rejects. Calls in the meantime share the one renewal. */
  renew(): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
      this.#scheduleRenewal();
    });
    return this.#renewing;
  }

  /**
   * Marks this node as one that takes no more clients. It goes on renewing its lease. A node without a lease has no clients, and
   * leaves nothing in Redis.
   *
   * @returns whether another node is alive that takes clients
   * @throws ClusterUnreachableError when Redis cannot be reached
   */
  async retire(): Promise<boolean> {
    if (!this.#isRegistered) return true;
    const { nodes, resigned, retired } = this.#keys;
    return this.#link.use(async (redis) => {
      return (await run(redis, RETIRE, [nodes, resigned, retired], [this.name, LEASE_MS])) === 1;
    });
  }

  /**
   * Gives the lease up. Other nodes reap what is left of this node; if there are none, this node does it now.
   *
   * @param afterMs how long the other nodes wait before they reap it
   * @param isClean whether nothing is left to reap
   * @throws ClusterUnreachableError when Redis cannot be reached
   */
  async resign(afterMs: number, isClean: boolean): Promise<void> {
    this.stop();
    await this.#renewing;
    this.stop();
    await Promise.all(this.#reaping.values());
    if (!this.#isRegistered) return;
    const { nodes, claims, resigned, retired, epoch, heard } = this.#keys;
    const hasOthers = await this.#link.use((redis) =>
      run(redis, RESIGN, [nodes, claims, resigned, retired], [this.name, LEASE_MS, afterMs]),
    );
    if (hasOthers === 1) {
      if (isClean) await this.#deregister(this.name);
      return;
    }
    const left = await this.#link.use(({ client }) => client.hkeys(claims));
    for (const node of left) await this.#reap(node, 0, true);
    await this.#link.use(({ client }) => client.del(epoch, heard));
  }

  /** Renews the lease no more. It is over after a while. */
  stop(): void {
    this.#isStarted = false;
    this.#timer?.cancel();
  }

  #scheduleRenewal(): void {
    this.#timer?.cancel();
    if (!this.#isStarted) return;
    this.#timer = this.#clock.after(RENEWAL_MS, () => {
      if (this.#link.isUp) void this.renew();
      else this.#scheduleRenewal();
    });
  }

  async #renew(): Promise<void> {
    try {
      const [epoch, isGood, over] = await this.#ask();
      this.#isDataLost ||= this.#epoch !== undefined && this.#epoch !== epoch;
      this.#epoch = epoch;
      this.#reapAll(over);
      if (isGood === 0 && this.#isRegistered) await this.#lapse();
      this.#isRegistered = true;
      if (this.#hasLapsed) this.#events.lapsed(this.#isDataLost);
      this.#hasLapsed = this.#isDataLost = false;
      this.#problem = undefined;
    } catch (error) {
      const problem = String(error);
      if (this.#link.isUp && this.#problem !== problem) this.#events.failed(error);
      this.#problem = problem;
    }
  }

  async #ask(): Promise<v.InferOutput<typeof renewal>> {
    const { nodes, epoch, heard, claims } = this.#keys;
    const isNew = this.#isRegistered ? '0' : '1';
    const reaping = JSON.stringify([...this.#reaping.keys()]);
    const values = [this.name, LEASE_MS, randomBytes(8).toString('hex'), isNew, SILENCE_MS, reaping];
    const [answer] = await this.#link.use((redis) =>
      // Pings the subscriber too: an idle connection looks the same as a dead one.
      Promise.all([run(redis, RENEW, [nodes, epoch, heard, claims], values), redis.ping()]),
    );
    return v.parse(renewal, answer);
  }

  /** Redis does not know this lease any more: the node takes one under a new name. */
  async #lapse(): Promise<void> {
    const old = this.name;
    this.#hasLapsed = true;
    this.#incarnation++;
    this.#isRegistered = false;
    const [, , over] = await this.#ask();
    this.#reapAll(over);
    // This node may have reported something under the old name after that was reaped.
    await this.#link.use(({ client }) => client.hset(this.#keys.claims, old, '0 0'));
  }

  /** Does not wait until it is done: reaping may take longer than a lease. */
  #reapAll(over: readonly string[]): void {
    for (let index = 0; index < over.length; index += 2) {
      const [node = '', since = '0'] = over.slice(index, index + 2);
      if (this.#reaping.has(node)) continue;
      const reaping = this.#reap(node, Number(since), false)
        .catch((error: unknown) => {
          // When this node's claim is over, a node that renews will claim the rest.
          if (this.#link.isUp) this.#events.failed(error);
        })
        .finally(() => this.#reaping.delete(node));
      this.#reaping.set(node, reaping);
    }
  }

  async #reap(node: string, since: number, isLast: boolean): Promise<void> {
    const channels = await this.#link.use(({ client }) => client.smembers(this.#keys.channelsOf(node)));
    await pMap(channels, (channel) => this.#events.reap(channel, node, since, isLast), {
      concurrency: REAPING_CONCURRENCY,
    });
    await this.#deregister(node);
  }

  async #deregister(node: string): Promise<void> {
    await this.#link.use(({ client }) => client.del(this.#keys.channelsOf(node)));
    await this.#link.use(({ client }) =>
      Promise.all([
        client.zrem(this.#keys.nodes, node),
        client.hdel(this.#keys.claims, node),
        client.srem(this.#keys.resigned, node),
        client.srem(this.#keys.retired, node),
      ]),
    );
  }
}
