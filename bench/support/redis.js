import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startRedisProcess } from '../../scripts/redis-process.mjs';
import { CommandCount } from './command-count.js';

/** The question for an account is a command too. */
const OWN_COMMANDS = 1;
const OPTIONS = { retryStrategy: () => null, disconnectTimeout: 0 };

/** The version of the Redis that is measured. */
export async function redisVersion() {
  const server = await RedisServer.start();
  const info = await server.client.info('server');
  await server.close();
  return /^valkey_version:(\S+)/m.exec(info)?.[1] ?? /^redis_version:(\S+)/m.exec(info)?.[1] ?? '';
}

/** A Redis of its own, on the loopback interface, with nothing saved. */
export class RedisServer {
  #folder = '';
  #port = 0;
  /** @type {Awaited<ReturnType<typeof startRedisProcess>> | undefined} */
  #process;
  /** The bench's own connection; no node uses it. @type {Redis | undefined} */
  #client;

  static async start() {
    const server = new RedisServer();
    server.#folder = await mkdtemp(join(tmpdir(), 'switchboard-bench-'));
    await server.resume();
    return server;
  }

  get url() {
    return `redis://127.0.0.1:${this.#port}`;
  }

  get client() {
    if (this.#client === undefined) throw new Error('This Redis is stopped.');
    return this.#client;
  }

  /** The microseconds of CPU that it has used since its start, as the operating system counts them. */
  async cpuUs() {
    if (this.#client === undefined) return 0;
    const info = await this.client.info('cpu');
    const seconds = (/** @type {string} */ what) =>
      Number(new RegExp(`^${what}:([\\d.]+)`, 'm').exec(info)?.[1]);
    return Math.round((seconds('used_cpu_sys') + seconds('used_cpu_user')) * 1e6);
  }

  /**
   * What nodes cost Redis during some work, by its own account: the commands, those of scripts included, and the bytes of
   * requests and answers. It slows nothing down.
   *
   * @param {() => Promise<unknown>} work
   */
  async account(work) {
    const before = await this.#account();
    await work();
    const after = await this.#account();
    return {
      commands: after.commands - before.commands - OWN_COMMANDS,
      bytesIn: after.bytesIn - before.bytesIn,
      bytesOut: after.bytesOut - before.bytesOut,
    };
  }

  /**
   * Counts the commands that nodes send during some work. Redis is slower meanwhile, so nothing else is measured then.
   *
   * @param {() => Promise<unknown>} work
   */
  async count(work) {
    const count = await CommandCount.start(this.client);
    await work();
    return count.finish(this.client);
  }

  async #account() {
    const info = await this.client.info('all');
    const calls = [...info.matchAll(/^cmdstat_[^:]+:calls=(\d+)/gm)];
    const of = (/** @type {string} */ what) => Number(new RegExp(`^${what}:(\\d+)`, 'm').exec(info)?.[1]);
    return {
      commands: calls.reduce((sum, [, each]) => sum + Number(each), 0),
      bytesIn: of('total_net_input_bytes'),
      bytesOut: of('total_net_output_bytes'),
    };
  }

  async close() {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Starts it, empty; after {@link stop} on the same port. Resolves when it answers. */
  async resume() {
    const standing = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', this.#folder];
    this.#process = await startRedisProcess((port) => [...standing, '--port', String(port)], {
      folder: this.#folder,
      ...(this.#port !== 0 && { port: this.#port }),
    });
    this.#port = this.#process.port;
    this.#client = new Redis(this.url, OPTIONS);
    this.#client.on('error', () => undefined);
    await this.#client.ping();
  }

  /** Kills it. */
  async stop() {
    this.#client?.disconnect();
    this.#client = undefined;
    this.#process?.child.kill('SIGKILL');
    await this.#process?.ended;
  }
}
