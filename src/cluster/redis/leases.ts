import { randomBytes } from 'node:crypto';
import pMap from 'p-map';
import * as v from 'valibot';
import type { Clock, Timer } from '../../ports/clock.js';
import type { RedisKeys } from './connection/redis-keys.js';
import type { RedisLink } from './connection/redis-link.js';
import { run, script } from '../../redis/redis-scripts.js';
import { RENEW_SCRIPT, RESIGN_SCRIPT } from './scripts/scripts.js';

/** A node that was not heard of for so long is gone. */
export const LEASE_MS = 8_000;
const RENEWAL_MS = 2_000;
/** Nobody is silent for so long while Redis is there. A lease that was renewed just before it is still good after it. */
const SILENCE_MS = LEASE_MS - RENEWAL_MS - 1_000;
/** So many channels of a node that is gone are cleared at a time. */
const REAPING_CONCURRENCY = 256;

const RENEW = script(RENEW_SCRIPT);
const RESIGN = script(RESIGN_SCRIPT);
const renewal = v.strictTuple([v.string(), v.number(), v.array(v.string())]);

/** What the leases tell. */
export interface LeaseEvents {
  /** Redis does not know this node any more: it has another name, and everything has to be told anew. */
  readonly lapsed: (isLost: boolean) => void;
  /** Clears away what a node had on a channel. */
  readonly reap: (channel: string, node: string, since: number, isLast: boolean) => Promise<void>;
  /** Told once of each problem. */
  readonly failed: (error: unknown) => void;
}

/**
 * Who is alive. Every node renews a lease; one whose lease is over is cleared away by whoever sees it first. A node that
 * was only slow comes back under a new name, so that clearing the old one away can never take what the new one has.
 */
export class Leases {
  /** This process among the nodes, for as long as it lives. */
  readonly node = randomBytes(6).toString('base64url').replaceAll(/[-_]/g, '0');
  #incarnation = 1;
  #isRegistered = false;
  #epoch: string | undefined;
  #isStarted = false;
  #timer: Timer | undefined;
  #renewing: Promise<void> | undefined;
  readonly #clearing = new Map<string, Promise<void>>();
  /** Whether everything has to be told anew, and whether that is because Redis has lost its data. */
  #hasLapsed = false;
  #isLost = false;
  #problem: string | undefined;

  constructor(
    private readonly link: RedisLink,
    private readonly keys: RedisKeys,
    private readonly clock: Clock,
    private readonly events: LeaseEvents,
  ) {}

  /** The name under which Redis has what this node holds. */
  get name(): string {
    return `${this.node}.${this.#incarnation}`;
  }

  /** Whether a node's name is this process's, now or before. */
  isOwn(name: string): boolean {
    return name.startsWith(`${this.node}.`);
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  /** Takes part from now on; resolves when that is known to the others, or cannot be told. */
  async start(): Promise<void> {
    if (this.#isStarted) return;
    this.#isStarted = true;
    await this.link.tried();
    await this.renew();
  }

  /** There is a new connection. Resolves to whether Redis has lost its data since the last one. */
  async enter(): Promise<boolean> {
    const before = this.#epoch;
    if (this.#isStarted) await this.renew();
    return before !== undefined && before !== this.#epoch;
  }

  /** Why the lease was not renewed; nothing while it is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Renews the lease, and clears away whoever has none any more. Never rejects; whoever comes meanwhile joins in. */
  renew(): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
      this.#scheduleRenewal();
    });
    return this.#renewing;
  }

  /**
   * Gives the lease up. What is left of this node is cleared away by others, or now where there are none.
   *
   * @param afterMs when others may do it
   * @param isClean whether nothing is left of it
   */
  async resign(afterMs: number, isClean: boolean): Promise<void> {
    this.stop();
    await this.#renewing;
    this.stop();
    await Promise.all(this.#clearing.values());
    if (!this.#isRegistered) return;
    const { nodes, claims, resigned, epoch, heard } = this.keys;
    const areOthers = await this.link.use((redis) =>
      run(redis, RESIGN, [nodes, claims, resigned], [this.name, LEASE_MS, afterMs]),
    );
    if (areOthers === 1) {
      if (isClean) await this.#deregister(this.name);
      return;
    }
    const left = await this.link.use(({ client }) => client.hkeys(claims));
    for (const node of left) await this.#clear(node, 0, true);
    await this.link.use(({ client }) => client.del(epoch, heard));
  }

  stop(): void {
    this.#isStarted = false;
    this.#timer?.cancel();
  }

  #scheduleRenewal(): void {
    this.#timer?.cancel();
    if (!this.#isStarted) return;
    this.#timer = this.clock.after(RENEWAL_MS, () => {
      if (this.link.isUp) void this.renew();
      else this.#scheduleRenewal();
    });
  }

  async #renew(): Promise<void> {
    try {
      const [epoch, isGood, over] = await this.#ask();
      this.#isLost ||= this.#epoch !== undefined && this.#epoch !== epoch;
      this.#epoch = epoch;
      this.#clearAll(over);
      if (isGood === 0 && this.#isRegistered) await this.#lapse();
      this.#isRegistered = true;
      if (this.#hasLapsed) this.events.lapsed(this.#isLost);
      this.#hasLapsed = this.#isLost = false;
      this.#problem = undefined;
    } catch (error) {
      const problem = String(error);
      if (this.link.isUp && this.#problem !== problem) this.events.failed(error);
      this.#problem = problem;
    }
  }

  async #ask(): Promise<v.InferOutput<typeof renewal>> {
    const { nodes, epoch, heard, claims } = this.keys;
    const isNew = this.#isRegistered ? '0' : '1';
    const clearing = JSON.stringify([...this.#clearing.keys()]);
    const values = [this.name, LEASE_MS, randomBytes(8).toString('hex'), isNew, SILENCE_MS, clearing];
    const [answer] = await this.link.use((redis) =>
      // The way back is as quiet as the day is when nobody speaks: only an answer tells whether it is there.
      Promise.all([run(redis, RENEW, [nodes, epoch, heard, claims], values), redis.ping()]),
    );
    return v.parse(renewal, answer);
  }

  /** Redis does not know this node: from now on it is another one. */
  async #lapse(): Promise<void> {
    const old = this.name;
    this.#hasLapsed = true;
    this.#incarnation++;
    this.#isRegistered = false;
    const [, , over] = await this.#ask();
    this.#clearAll(over);
    // Something may have been written under the old name after it was cleared away.
    await this.link.use(({ client }) => client.hset(this.keys.claims, old, '0 0'));
  }

  /** Beside everything else: it may take longer than a lease. */
  #clearAll(over: readonly string[]): void {
    for (let index = 0; index < over.length; index += 2) {
      const [node = '', since = '0'] = over.slice(index, index + 2);
      if (this.#clearing.has(node)) continue;
      const clearing = this.#clear(node, Number(since), false)
        .catch((error: unknown) => {
          // Whoever is there when the claim is over goes on with it.
          if (this.link.isUp) this.events.failed(error);
        })
        .finally(() => this.#clearing.delete(node));
      this.#clearing.set(node, clearing);
    }
  }

  async #clear(node: string, since: number, isLast: boolean): Promise<void> {
    const channels = await this.link.use(({ client }) => client.smembers(this.keys.channelsOf(node)));
    await pMap(channels, (channel) => this.events.reap(channel, node, since, isLast), {
      concurrency: REAPING_CONCURRENCY,
    });
    await this.#deregister(node);
  }

  async #deregister(node: string): Promise<void> {
    await this.link.use(({ client }) => client.del(this.keys.channelsOf(node)));
    await this.link.use(({ client }) =>
      Promise.all([
        client.zrem(this.keys.nodes, node),
        client.hdel(this.keys.claims, node),
        client.srem(this.keys.resigned, node),
      ]),
    );
  }
}
