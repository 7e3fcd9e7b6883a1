import { setTimeout as delay } from 'node:timers/promises';
import { endChild, startChild } from './children.js';
import { cpuUsOf, residentBytesOf } from './cpu.js';

/** Waits before each reading, so that work of the moment before is not counted, and work that ends a moment late is. */
const SETTLE_MS = 15;

/**
 * A server to compare. Its `file` is forked; without one, it is a process that runs already.
 *
 * @typedef {{ name: string, file?: string, env?: Record<string, string>, hasApi: boolean,
 *   running?: { pid: number, host: string, port: number, app: import('./client.js').App } }} Contender
 */

/**
 * The resources that a process used during some work.
 *
 * @template T
 * @param {number} pid
 * @param {() => Promise<T>} work
 * @returns {Promise<{ cpuUs: number, milliseconds: number, result: T }>}
 */
export async function measure(pid, work) {
  await delay(SETTLE_MS);
  const before = await cpuUsOf(pid);
  const started = performance.now();
  const result = await work();
  const milliseconds = performance.now() - started;
  await delay(SETTLE_MS);
  return { cpuUs: (await cpuUsOf(pid)) - before, milliseconds, result };
}

/** A server in a process of its own, which is measured. */
export class Server {
  /**
   * @param {Contender} contender
   * @param {import('./client.js').Target & { app: import('./client.js').App, port: number, host: string, pid: number, controlPort?: number }} found
   * @param {import('./rpc.js').Caller} [caller]
   */
  constructor({ name, hasApi }, found, caller) {
    this.name = name;
    this.pid = found.pid;
    this.controlPort = found.controlPort;
    this.target = { url: found.url, dialect: found.dialect ?? 'pusher', app: found.app };
    this.api = hasApi ? { host: found.host, port: found.port, app: found.app } : undefined;
    this.caller = caller;
  }

  /**
   * @param {Contender} contender
   * @param {string[]} [execArgv] for Node itself
   */
  static async start(contender, execArgv = []) {
    const { name, file, env, running } = contender;
    if (file === undefined) {
      if (running === undefined) throw new Error(`There is nothing that ${name} could be.`);
      return new Server(contender, { ...running, url: `ws://${running.host}:${running.port}` });
    }
    const { caller, ready } = await startChild(file, name, env, execArgv);
    const { hostname, port } = new URL(ready.url);
    const pid = /** @type {number} */ (caller.child.pid);
    return new Server(contender, { ...ready, host: hostname, port: Number(port), pid }, caller);
  }

  /**
   * The resources that it used during some work.
   *
   * @template T
   * @param {() => Promise<T>} work
   */
  measure(work) {
    return measure(this.pid, work);
  }

  /**
   * The bytes of its memory. Only a forked process can be asked to collect its garbage first.
   *
   * @returns {Promise<{ rss: number, heapUsed: number, external: number }>} unknown figures are NaN
   */
  async memory() {
    return this.caller === undefined
      ? { rss: await residentBytesOf(this.pid), heapUsed: Number.NaN, external: Number.NaN }
      : await this.caller.dispatch('memory');
  }

  /** Throws when it has lost an event. */
  async verify() {
    await this.caller?.dispatch('verify');
  }

  async close() {
    if (this.caller !== undefined) await endChild(this.caller);
  }
}
