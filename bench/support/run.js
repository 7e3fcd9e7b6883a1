import { Cluster } from './cluster.js';

/**
 * One line of a scenario's table.
 *
 * @typedef {{ label: string, values: Record<string, number | undefined> }} Row
 *
 * What `--check` compares: less is better. `count` is a number of commands, `bytes` of bytes or a ratio of them, `cpu` a
 * ratio of CPU times within one run, `share` one that is almost nothing, `growth` one that is 1 at best.
 *
 * @typedef {{ name: string, kind: 'count' | 'bytes' | 'cpu' | 'share' | 'growth', value: number }} Check
 *
 * @typedef {{ rows: Row[], notes?: string[], checks?: Check[] }} Result
 * @typedef {(bench: Bench) => Promise<Result>} Run
 * @typedef {{ suite: string, name: string, title: string, run: Run }} Scenario
 */

/** What scenarios are given: processes, which are started when first asked for and ended together. */
export class Bench {
  /** @type {Cluster[]} */
  #clusters = [];
  /** @type {Map<number, Promise<Cluster>>} */
  #shared = new Map();

  /**
   * @param {string} buildUrl
   * @param {import('./load.js').Load} load
   * @param {boolean} isQuick
   */
  constructor(buildUrl, load, isQuick) {
    this.buildUrl = buildUrl;
    this.load = load;
    this.isQuick = isQuick;
    this.rounds = isQuick ? 2 : 5;
  }

  /** A cluster of so many nodes, which all scenarios share. They leave it as they found it. */
  clusterOf = (/** @type {number} */ size) => {
    const cluster = this.#shared.get(size) ?? this.startCluster(size);
    this.#shared.set(size, cluster);
    return cluster;
  };

  /** A cluster for one scenario alone. */
  startCluster = async (/** @type {number} */ size) => {
    const cluster = await Cluster.start(size, this.buildUrl);
    this.#clusters.push(cluster);
    return cluster;
  };

  /** Throws when anything that was sent did not arrive. */
  async verify() {
    await this.load.verify();
    await Promise.all(this.#clusters.map((cluster) => cluster.verify()));
  }

  /** Which Redis it was, if there was any. */
  async redisVersion() {
    return this.#clusters[0]?.redis.version();
  }

  async close() {
    await Promise.all(this.#clusters.map((cluster) => cluster.close()));
    await this.load.close();
  }
}
