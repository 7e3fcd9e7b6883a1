import { Cluster } from './cluster.js';
import { contenders } from './contenders.js';
import { Load } from './load.js';
import { Server } from './server.js';

/**
 * One line of a scenario's table.
 *
 * @typedef {{ label: string, values: Record<string, number | undefined> }} Row
 *
 * A figure that `--check` compares: less is better. `count` is a number of commands, `bytes` of bytes or a ratio of them, `cpu` a
 * ratio of CPU times within one run, `share` one that is almost nothing, `growth` one that is 1 at best, `ratio` one of
 * ours to a peer's, `latency` one of times, `order` the order of growth of a cost.
 *
 * @typedef {{ name: string, kind: 'count' | 'bytes' | 'cpu' | 'share' | 'growth' | 'ratio' | 'latency' | 'order',
 *   value: number }} Check
 *
 * @typedef {{ rows: Row[], notes?: string[], checks?: Check[] }} Result
 * @typedef {(bench: Bench) => Promise<Result>} Run
 * @typedef {{ suite: string, name: string, title: string, run: Run }} Scenario
 *
 * A server under load, and a load generator of its own, because one process has too few file descriptors for all clients.
 *
 * @typedef {{ name: string, server: Server, load: Load }} Pair
 */

/** The processes that scenarios use. They are started at their first use, and ended together. */
export class Bench {
  /** @type {{ verify: () => Promise<void>, close: () => Promise<void> }[]} */
  #started = [];
  /** @type {Map<number, Promise<Cluster>>} */
  #clusters = new Map();
  /** @type {Map<string, Promise<Pair>>} */
  #pairs = new Map();

  /**
   * @param {string} buildUrl
   * @param {Load} load
   * @param {{ isQuick: boolean, isFull: boolean, peers: readonly string[] }} flags
   */
  constructor(buildUrl, load, { isQuick, isFull, peers }) {
    this.buildUrl = buildUrl;
    this.load = load;
    this.isQuick = isQuick;
    this.isFull = isFull;
    this.rounds = isQuick ? 2 : 5;
    this.contenders = contenders(buildUrl, peers);
  }

  /** A cluster of this size, which all scenarios share. Each leaves it as it was. */
  clusterOf = (/** @type {number} */ size) => {
    const cluster = this.#clusters.get(size) ?? this.startCluster(size);
    this.#clusters.set(size, cluster);
    return cluster;
  };

  /** A cluster for one scenario alone. */
  startCluster = async (/** @type {number} */ size) => this.#keep(await Cluster.start(size, this.buildUrl));

  /**
   * The compared servers that have the features of a scenario. All scenarios share them, and leave them as they were.
   *
   * @param {{ inProcess?: boolean, api?: boolean }} needs whether a server must publish when its own process is asked, or
   *   must have an HTTP API, or any of the two
   */
  pairs = ({ inProcess = false, api = false } = {}) =>
    Promise.all(
      this.contenders
        .filter(({ file, hasApi }) => (!inProcess || file !== undefined) && (!api || hasApi))
        .map((contender) => {
          const pair = this.#pairs.get(contender.name) ?? this.startPair(contender);
          this.#pairs.set(contender.name, pair);
          return pair;
        }),
    );

  /**
   * A server for one scenario alone.
   *
   * @param {import('./server.js').Contender} contender
   * @param {string[]} [execArgv] for Node itself
   * @returns {Promise<Pair>}
   */
  startPair = async (contender, execArgv) => {
    const server = this.#keep(await Server.start(contender, execArgv));
    return { name: contender.name, server, load: this.#keep(await Load.start()) };
  };

  /** Throws when an event was lost. */
  async verify() {
    await this.load.verify();
    await Promise.all(this.#started.map((started) => started.verify()));
  }

  /** Ends the processes of one scenario. @param {{ close: () => Promise<void> }[]} finished */
  end = async (...finished) => {
    this.#started = this.#started.filter((started) => !finished.includes(started));
    await Promise.all(finished.map((each) => each.close()));
  };

  /** Ends all shared processes, so that the next suite has the machine for itself. */
  async endSuite() {
    this.#clusters.clear();
    this.#pairs.clear();
    await this.end(...this.#started);
  }

  async close() {
    await this.endSuite();
    await this.load.close();
  }

  /**
   * @template {{ verify: () => Promise<void>, close: () => Promise<void> }} T
   * @param {T} started
   * @returns {T}
   */
  #keep(started) {
    this.#started.push(started);
    return started;
  }
}
