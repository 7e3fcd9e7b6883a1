import { randomBytes } from 'node:crypto';
import pMap from 'p-map';
import { z } from 'zod';
import type { Clock, Timer } from '../../ports/clock.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import { run, script } from './redis-scripts.js';
import { RENEW_SCRIPT, RESIGN_SCRIPT } from './scripts.js';

/** A node that was not heard of for so long is gone. */
export const LEASE_MS = 8_000;
const RENEWAL_MS = 2_000;
/** So many channels of a node that is gone are cleared at a time. */
const REAPING_CONCURRENCY = 32;

const RENEW = script(RENEW_SCRIPT);
const RESIGN = script(RESIGN_SCRIPT);
const renewal = z.tuple([z.string(), z.number(), z.array(z.string())]);

/** What the leases tell. */
export interface LeaseEvents {
  /** Redis does not know this node any more: it has another name, and everything has to be told anew. */
  readonly lapsed: (isFresh: boolean) => void;
  /** Clears away what a node had on a channel. */
  readonly reap: (channel: string, node: string, since: number, isLast: boolean) => Promise<void>;
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
  #isAttending = false;
  #timer: Timer | undefined;
  #renewing: Promise<void> | undefined;

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

  /** Takes part from now on. */
  attend(): void {
    if (this.#isAttending) return;
    this.#isAttending = true;
    if (this.link.isUp) void this.renew();
  }

  /** There is a new connection. Resolves to whether Redis has lost its data since the last one. */
  async enter(): Promise<boolean> {
    const before = this.#epoch;
    if (this.#isAttending) await this.renew();
    return before !== undefined && before !== this.#epoch;
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
   * Gives the lease up.
   *
   * @param afterMs when others may clear away what is left
   * @returns whether there are others
   */
  async resign(afterMs: number): Promise<boolean> {
    this.#timer?.cancel();
    await this.#renewing;
    this.#timer?.cancel();
    this.#isAttending = false;
    if (!this.#isRegistered) return true;
    const others = await this.link.use((redis) =>
      run(redis, RESIGN, [this.keys.nodes, this.keys.resigned], [this.name, LEASE_MS, afterMs]),
    );
    return z.number().parse(others) > 0;
  }

  /** Strikes this node out: nothing is left of it. */
  async strike(): Promise<void> {
    if (this.#isRegistered) await this.#strike(this.name);
  }

  /** Clears everything away that any node has left: there is no other that could. */
  async sweep(): Promise<void> {
    const nodes = await this.link.use(({ client }) => client.zrange(this.keys.nodes, 0, '-1'));
    for (const node of nodes) await this.#clear(node, 0, true);
  }

  stop(): void {
    this.#isAttending = false;
    this.#timer?.cancel();
  }

  #scheduleRenewal(): void {
    this.#timer?.cancel();
    if (!this.#isAttending) return;
    this.#timer = this.clock.after(RENEWAL_MS, () => {
      if (this.link.isUp) void this.renew();
      else this.#scheduleRenewal();
    });
  }

  async #renew(): Promise<void> {
    try {
      const [epoch, isGood, over] = await this.#ask();
      const isFresh = this.#epoch !== undefined && this.#epoch !== epoch;
      this.#epoch = epoch;
      if (isGood === 0 && this.#isRegistered) await this.#lapse(isFresh);
      this.#isRegistered = true;
      await this.#reap(over);
    } catch (error) {
      if (this.link.isUp) this.events.failed(error);
    }
  }

  async #ask(): Promise<z.output<typeof renewal>> {
    const newcomer = this.#isRegistered ? '0' : '1';
    const epoch = randomBytes(8).toString('hex');
    const answer = this.link.use((redis) =>
      run(redis, RENEW, [this.keys.nodes, this.keys.epoch], [this.name, LEASE_MS, epoch, newcomer]),
    );
    return renewal.parse(await answer);
  }

  async #lapse(isFresh: boolean): Promise<void> {
    const old = this.name;
    this.#incarnation++;
    this.#isRegistered = false;
    await this.#ask();
    this.#isRegistered = true;
    // Something may have been written under the old name after it was cleared away.
    await this.link.use(({ client }) => client.zadd(this.keys.nodes, 0, old));
    this.events.lapsed(isFresh);
  }

  async #reap(over: readonly string[]): Promise<void> {
    for (let index = 0; index < over.length; index += 2) {
      const [node = '', since = '0'] = over.slice(index, index + 2);
      if (node === this.name) continue;
      const isOurs = await this.link.use(({ client }) =>
        client.set(this.keys.reaping(node), this.name, 'PX', LEASE_MS, 'NX'),
      );
      if (isOurs === null) continue;
      await this.#clear(node, Number(since), false);
      await this.link.use(({ client }) => client.del(this.keys.reaping(node)));
    }
  }

  async #clear(node: string, since: number, isLast: boolean): Promise<void> {
    const channels = await this.link.use(({ client }) => client.smembers(this.keys.channelsOf(node)));
    await pMap(channels, (channel) => this.events.reap(channel, node, since, isLast), {
      concurrency: REAPING_CONCURRENCY,
    });
    await this.#strike(node);
  }

  async #strike(node: string): Promise<void> {
    await this.link.use(({ client }) => client.del(this.keys.channelsOf(node)));
    await this.link.use(({ client }) => client.zrem(this.keys.nodes, node));
    await this.link.use(({ client }) => client.srem(this.keys.resigned, node));
  }
}
