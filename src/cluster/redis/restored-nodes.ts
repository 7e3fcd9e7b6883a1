import type { RedisKeys } from './connection/redis-keys.js';
import type { RedisLink } from './connection/redis-link.js';
import { LEASE_MS, type Leases } from './leases.js';

/** How long Redis remembers that a node has reported everything, in milliseconds. */
const REMEMBERED_MS = 60_000;

/**
 * The nodes that have reported everything to a Redis that may have lost data. While some have not, Redis may have members who are
 * gone, and may lack members who are present.
 */
export class RestoredNodes {
  readonly #link: RedisLink;
  readonly #keys: RedisKeys;
  readonly #leases: Pick<Leases, 'node' | 'others' | 'renew'>;
  #awaited: ReadonlySet<string> = new Set();
  /** Says whether this node has reported everything. */
  #isRestored: () => boolean = () => false;
  /** The servers for which Redis remembers that. */
  #servers: string | undefined;

  constructor(link: RedisLink, keys: RedisKeys, leases: Pick<Leases, 'node' | 'others' | 'renew'>) {
    this.#link = link;
    this.#keys = keys;
    this.#leases = leases;
  }

  /**
   * Redis may have lost data: from now on waits for nodes to report everything.
   *
   * @param isFirst whether that had not been so before, so that it is known which nodes were alive
   */
  await(isFirst: boolean): void {
    if (isFirst) this.#awaited = new Set(this.#leases.others);
    this.#isRestored = () => false;
    this.#servers = undefined;
    void this.#tellNewcomers();
  }

  /**
   * This node has reported everything that it could. Never rejects.
   *
   * @param isRestored says whether that was all
   */
  async restored(isRestored: () => boolean): Promise<void> {
    this.#isRestored = isRestored;
    try {
      await this.#tell();
    } catch {
      // Redis is away again: it is told when it is back.
    }
  }

  /** Tells the others, once this node has reported everything. @returns to which servers; `undefined` if it has not, or nobody knows */
  async #tell(): Promise<string | undefined> {
    if (!this.#isRestored()) return undefined;
    const { restored } = this.#keys;
    const servers = await this.#link.servers();
    // A server does not say which one it is: then nobody knows who has reported to it.
    if (servers === undefined || servers === this.#servers) return servers;
    await this.#link.use(({ client }) =>
      Promise.all([
        client.hset(restored, this.#leases.node, servers),
        client.pexpire(restored, REMEMBERED_MS),
      ]),
    );
    this.#servers = servers;
    return servers;
  }

  /** A node that starts meanwhile waits for the same nodes. */
  async #tellNewcomers(): Promise<void> {
    const { awaited } = this.#keys;
    const names = [this.#leases.node, ...this.#awaited];
    try {
      await this.#link.use(({ client }) =>
        Promise.all([client.sadd(awaited, ...names), client.pexpire(awaited, LEASE_MS)]),
      );
    } catch {
      // Redis is away again: it is told when it is back.
    }
  }

  /** Whether this node and all that were alive have reported everything, to the same servers. Never rejects. */
  async areAll(): Promise<boolean> {
    try {
      const servers = await this.#tell();
      if (servers === undefined) return false;
      // A node that started a moment before the loss is known since the last renewal only.
      await this.#leases.renew();
      this.#awaited = new Set([...this.#awaited, ...this.#leases.others]);
      if (this.#awaited.size === 0) return true;
      const found = await this.#link.use(({ client }) => client.hmget(this.#keys.restored, ...this.#awaited));
      return found.every((those) => those === servers);
    } catch {
      // Redis is away again: it is asked again, and everything is reported once more when it is back.
      return false;
    }
  }
}
