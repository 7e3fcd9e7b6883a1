import { randomBytes } from 'node:crypto';
import * as v from 'valibot';
import type { Clock, Timer } from '../../ports/clock.js';
import { run, script } from '../../redis/redis-scripts.js';
import type { RedisKeys } from './connection/redis-keys.js';
import type { RedisLink } from './connection/redis-link.js';
import { KnownLeases } from './known-leases.js';
import { CLAIM_SCRIPT, RENEW_SCRIPT, RESIGN_SCRIPT, RETIRE_SCRIPT } from './scripts/lease-scripts.js';

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
const CLAIM = script(CLAIM_SCRIPT);
/** See {@link RENEW_SCRIPT}. The lists are `name, time, name, time`… */
const renewal = v.strictTuple([
  v.picklist(['good', 'older', 'lost', 'claimed']),
  v.number(),
  v.array(v.string()),
  v.array(v.string()),
  v.array(v.string()),
  v.array(v.string()),
]);

/** A node whose lease is over. */
export interface Reaped {
  /** The name of that lease. */
  readonly node: string;
  /** When that node was last heard of, in milliseconds by Redis's clock. */
  readonly since: number;
  /** Whether to end all grace periods of its channels, because no other node is left that would. */
  readonly isLast: boolean;
  /** Whether the node was reaped before, and only a Redis with older data has it again: nothing is told a second time. */
  readonly wasReaped: boolean;
}

/** Called by {@link Leases}. */
export interface LeaseEvents {
  /** This node has its first lease, on a Redis that has lost nothing. It has reported nothing yet. */
  readonly began: () => void;
  /** Redis did not know the lease any more, or had an older one. Everything has to be reported again. */
  readonly lapsed: (isDataLost: boolean) => void;
  /** Removes what a node had on a channel. */
  readonly reap: (channel: string, reaped: Reaped) => Promise<void>;
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
  #wasDataLost = false;
  /** The nodes that others waited for when this one started, until it renews its lease. */
  #awaited: readonly string[] = [];
  /** When the lease was renewed last, in milliseconds by Redis's clock. */
  #renewedAt: number | undefined;
  /** The same by this node's clock, which goes on while the process stands still. */
  #heardAt = Number.NEGATIVE_INFINITY;
  #isStarted = false;
  #timer: Timer | undefined;
  #renewing: Promise<void> | undefined;
  readonly #reaping = new Map<string, Promise<void>>();
  readonly #known = new KnownLeases();
  /** Whether the lease was lost and `lapsed` was not called yet. */
  #hasLapsed = false;
  /** Whether Redis may have lost data since the last renewal. */
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

  /** Renews the lease on a new connection. @returns whether Redis may have lost data since the last connection */
  async enter(): Promise<boolean> {
    if (!this.#isStarted) return false;
    await this.renew();
    return this.#wasDataLost;
  }

  /** Whether the lease was renewed so recently that no other node can have claimed it. */
  get isFresh(): boolean {
    return this.#clock.now() - this.#heardAt < LEASE_MS - RENEWAL_MS;
  }

  /** Whether this process has had no lease yet. */
  get #isFirst(): boolean {
    return this.#heardAt === Number.NEGATIVE_INFINITY;
  }

  /** Whether a node has this lease, or it is claimed, as far as this node knows. */
  isKnown(name: string): boolean {
    return name === this.name || this.#known.has(name);
  }

  /** The other processes that were alive when Redis had lost nothing last. */
  get others(): readonly string[] {
    const alive = [...this.#known.alive].map((name) => name.slice(0, name.lastIndexOf('.')));
    return [...new Set([...alive, ...this.#awaited])].filter((node) => node !== this.node);
  }

  /**
   * Has lease names reaped that Redis has on channels and no node has.
   *
   * @throws ClusterUnreachableError when Redis cannot be reached
   */
  async claim(names: readonly string[]): Promise<void> {
    const { nodes, claims } = this.#keys;
    await this.#link.use((redis) => run(redis, CLAIM, [nodes, claims], names));
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
    if (this.#renewedAt === undefined) return true;
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
    if (this.#renewedAt === undefined) return;
    const { nodes, claims, resigned, retired, heard, reaped, swept, restored, awaited } = this.#keys;
    const hasOthers = await this.#link.use((redis) =>
      run(redis, RESIGN, [nodes, claims, resigned, retired], [this.name, LEASE_MS, afterMs]),
    );
    if (hasOthers === 1) {
      if (isClean) await this.#deregister(this.name);
      return;
    }
    const left = await this.#link.use(({ client }) => client.hkeys(claims));
    for (const node of left) await this.#reap({ node, since: 0, isLast: true, wasReaped: false });
    await this.#link.use(({ client }) => client.del(heard, reaped, swept, restored, awaited));
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
      const isFirst = this.#isFirst;
      const { state, over, awaited } = await this.#ask();
      this.#reapAll(over);
      // A node that starts while others report what Redis has lost waits for them, as they wait for each other.
      this.#awaited = isFirst ? awaited : [];
      this.#wasDataLost = state === 'older' || state === 'lost' || this.#awaited.length > 0;
      this.#isDataLost ||= this.#wasDataLost;
      if (this.#wasDataLost) this.#hasLapsed = true;
      if (isFirst && !this.#wasDataLost) this.#events.began();
      // On its way before anything that is reported again.
      const taken = state === 'lost' ? this.#take() : undefined;
      if (state === 'claimed') await this.#lapse();
      if (this.#hasLapsed) this.#events.lapsed(this.#isDataLost);
      this.#hasLapsed = this.#isDataLost = false;
      await taken;
      this.#problem = undefined;
    } catch (error) {
      const problem = String(error);
      if (this.#link.isUp && this.#problem !== problem) this.#events.failed(error);
      this.#problem = problem;
    }
  }

  async #ask(): Promise<{
    readonly state: v.InferOutput<typeof renewal>[0];
    readonly over: readonly string[];
    readonly awaited: readonly string[];
  }> {
    const { nodes, heard, claims, reaped, resigned, awaited } = this.#keys;
    const reaping = JSON.stringify([...this.#reaping.keys()]);
    const askedAt = this.#clock.now();
    const values = [this.name, LEASE_MS, this.#renewedAt ?? '', SILENCE_MS, reaping];
    const [answer] = await this.#link.use((redis) =>
      // Pings the subscriber too: an idle connection looks the same as a dead one.
      Promise.all([
        run(redis, RENEW, [nodes, heard, claims, reaped, resigned, awaited], values),
        redis.ping(),
      ]),
    );
    const [state, now, over, names, claimed, awaitedNodes] = v.parse(renewal, answer);
    const isComplete = state === 'good' && (this.#renewedAt !== undefined || this.#isFirst);
    this.#known.learn([...names, ...claimed], now - LEASE_MS, isComplete);
    if (state === 'good' || state === 'older') {
      this.#renewedAt = now;
      this.#heardAt = askedAt;
    }
    return { state, over, awaited: awaitedNodes };
  }

  /** Takes the lease as a new one. */
  async #take(): Promise<void> {
    this.#renewedAt = undefined;
    const { over } = await this.#ask();
    this.#reapAll(over);
  }

  /** Redis does not know this lease any more: the node takes one under a new name. */
  async #lapse(): Promise<void> {
    const old = this.name;
    this.#hasLapsed = true;
    this.#incarnation++;
    await this.#take();
    // This node may have reported something under the old name after that was reaped.
    await this.#link.use(({ client }) => client.hset(this.#keys.claims, old, '0 0'));
  }

  /** Does not wait until it is done: reaping may take longer than a lease. */
  #reapAll(over: readonly string[]): void {
    for (let index = 0; index < over.length; index += 2) {
      const [node = '', since = '0'] = over.slice(index, index + 2);
      if (this.#reaping.has(node)) continue;
      const wasReaped = this.#known.isGone(node);
      const reaping = this.#reap({ node, since: Number(since), isLast: false, wasReaped })
        .catch((error: unknown) => {
          // When this node's claim is over, a node that renews will claim the rest.
          if (this.#link.isUp) this.#events.failed(error);
        })
        .finally(() => this.#reaping.delete(node));
      this.#reaping.set(node, reaping);
    }
  }

  async #reap(reaped: Reaped): Promise<void> {
    const list = this.#keys.channelsOf(reaped.node);
    const channels = await this.#link.use(({ client }) => client.smembers(list));
    for (let first = 0; first < channels.length; first += REAPING_CONCURRENCY) {
      const some = channels.slice(first, first + REAPING_CONCURRENCY);
      await Promise.all(some.map((channel) => this.#events.reap(channel, reaped)));
      // Another node that goes on with it must not tell the same once more.
      await this.#link.use(({ client }) => client.srem(list, ...some));
    }
    await this.#deregister(reaped.node);
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
