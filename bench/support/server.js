import { setTimeout as delay } from 'node:timers/promises';
import { endChild, startChild } from './children.js';
import { cpuUsOf, residentBytesOf } from './cpu.js';

/** What a server does a moment before it is measured belongs to before, and what it does a moment later to what it did. */
const SETTLE_MS = 15;

/**
 * How to start or to find a server. `file` is forked; without it, it is a process that runs already.
 *
 * @typedef {{ name: string, file?: string, env?: Record<string, string>, hasApi: boolean,
 *   running?: { pid: number, host: string, port: number, app: import('./client.js').App } }} Contender
 */

/**
 * What a process used while something happened.
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

/** A server process of its own, which is measured. */
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
   * What it used while something happened.
   *
   * @template T
   * @param {() => Promise<T>} work
   */
  measure(work) {
    return measure(this.pid, work);
  }

  /**
   * The bytes it needs. Only who was forked can be told to throw away what it no longer needs.
   *
   * @returns {Promise<{ rss: number, heapUsed: number, external: number }>} what is not known is no number
   */
  async memory() {
    return this.caller === undefined
      ? { rss: await residentBytesOf(this.pid), heapUsed: Number.NaN, external: Number.NaN }
      : await this.caller.dispatch('memory');
  }

  /** Throws when it has lost something. */
  async verify() {
    await this.caller?.dispatch('verify');
  }

  async close() {
    if (this.caller !== undefined) await endChild(this.caller);
  }
}
