import { endChild, startChild } from './children.js';
import { untilEmpty } from './content.js';
import { nodeEnv } from './node-env.js';
import { RedisServer } from './redis.js';

/** The grace period of a member who leaves, in milliseconds. It is short, because the measurement of a leave waits for it. */
export const GRACE_MS = 300;

/**
 * The resources that a process has used since it began. The bytes are those between it and Redis; Redis's own are the sum of the
 * nodes'.
 *
 * @typedef {{ cpuUs: number, redisRead: number, redisWritten: number }} Usage
 */

/** Nodes on a Redis of their own. By convention the first node publishes, and only the first two have clients. */
export class Cluster {
  /** @param {RedisServer} redis */
  constructor(redis) {
    this.redis = redis;
    /** @type {{ caller: import('./rpc.js').Caller, url: string, controlPort: number }[]} */
    this.nodes = [];
  }

  /**
   * @param {number} size
   * @param {string} buildUrl where the package's entry is
   * @param {Record<string, string>} [more] of the nodes' environment
   */
  static async start(size, buildUrl, more = {}) {
    const cluster = new Cluster(await RedisServer.start());
    const env = nodeEnv(buildUrl, {
      SOCKET_CLUSTER: 'redis',
      SOCKET_REDIS_URL: cluster.redis.url,
      SOCKET_PRESENCE_GRACE_MS: String(GRACE_MS),
      SOCKET_MAX_MESSAGES_PER_SECOND: '0',
      SOCKET_MAX_SUBSCRIBES_PER_SECOND: '0',
      ...more,
    });
    try {
      for (let index = 0; index < size; index++) {
        const { caller, ready } = await startChild('./node-process.js', `node ${index + 1}`, env);
        cluster.nodes.push({ caller, ...ready });
        const { status } = await caller.dispatch('health');
        if (status !== 'up') throw new Error(`node ${index + 1} is ${status}`);
      }
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  /** @param {number} index */
  node(index) {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`There is no node ${index}.`);
    return node;
  }

  /**
   * The resources that every process used during some work.
   *
   * @param {() => Promise<unknown>} work
   * @returns {Promise<{ nodes: Usage[], redis: Usage, milliseconds: number }>}
   */
  async measure(work) {
    const before = await this.#usage();
    const started = performance.now();
    await work();
    const milliseconds = performance.now() - started;
    const after = await this.#usage();
    const nodes = after.nodes.map((usage, index) => minus(usage, before.nodes[index] ?? usage));
    return { nodes, redis: minus(after.redis, before.redis), milliseconds };
  }

  /** Resolves when Redis has no trace of the former clients, after their grace periods. */
  async untilEmpty() {
    await untilEmpty(this.redis.client);
  }

  /** Throws when a node has lost a message. */
  async verify() {
    await Promise.all(this.nodes.map(({ caller }) => caller.dispatch('verify')));
  }

  async close() {
    await Promise.all(this.nodes.map(({ caller }) => endChild(caller)));
    await this.redis.close();
  }

  /** @returns {Promise<{ nodes: Usage[], redis: Usage }>} */
  async #usage() {
    const [cpuUs, ...nodes] = await Promise.all([
      this.redis.cpuUs(),
      ...this.nodes.map(({ caller }) => caller.dispatch('usage')),
    ]);
    const redis = { cpuUs, redisRead: sum(nodes, 'redisRead'), redisWritten: sum(nodes, 'redisWritten') };
    return { nodes, redis };
  }
}

/**
 * @param {Usage[]} usages
 * @param {keyof Usage} what
 */
const sum = (usages, what) => usages.reduce((total, usage) => total + usage[what], 0);

/**
 * @param {Usage} after
 * @param {Usage} before
 * @returns {Usage}
 */
const minus = (after, before) => ({
  cpuUs: after.cpuUs - before.cpuUs,
  redisRead: after.redisRead - before.redisRead,
  redisWritten: after.redisWritten - before.redisWritten,
});
