import { endChild, startChild } from './children.js';
import { nodeEnv } from './node-env.js';
import { PusherClient } from './pusher-client.js';

/** No limit stands in the way of a large size. */
const NO_LIMITS = {
  SOCKET_MAX_MESSAGES_PER_SECOND: '0',
  SOCKET_MAX_SUBSCRIBES_PER_SECOND: '0',
  SOCKET_MAX_SIGNINS_PER_SECOND: '0',
  SOCKET_MAX_WATCHLISTS_PER_SECOND: '0',
  SOCKET_MAX_CHANNELS_PER_CONNECTION: '0',
  SOCKET_MAX_PRESENCE_MEMBERS: '0',
  SOCKET_PRESENCE_GRACE_MS: '300',
};

/** An application that is watched while it works. */
export class GrowthApp {
  /** @type {PusherClient[]} */
  #clients = [];

  /** @param {import('./rpc.js').Caller} caller @param {number} port */
  constructor(caller, port) {
    this.caller = caller;
    this.port = port;
  }

  /**
   * @param {string} buildUrl
   * @param {Record<string, string>} [env]
   */
  static async start(buildUrl, env = {}) {
    const all = nodeEnv(buildUrl, { ...NO_LIMITS, ...env });
    const { caller, ready } = await startChild('./growth-process.js', 'an application', all);
    return new GrowthApp(caller, ready.port);
  }

  /**
   * Several of them on one Redis.
   *
   * @param {string} buildUrl
   * @param {import('./redis.js').RedisServer} redis
   * @param {number} size
   */
  static cluster(buildUrl, redis, size) {
    const env = { SOCKET_CLUSTER: 'redis', SOCKET_REDIS_URL: redis.url };
    return Promise.all(Array.from({ length: size }, () => GrowthApp.start(buildUrl, env)));
  }

  /** The longest turn of the event loop during some work, in milliseconds of CPU. @param {() => Promise<unknown>} work */
  async longestTurnMs(work) {
    await this.caller.dispatch('watchTurns');
    await work();
    return this.caller.dispatch('longestTurnMs');
  }

  /** A client that is connected. It stays until the application is closed. */
  async client() {
    const client = new PusherClient({ url: `ws://127.0.0.1:${this.port}` }, { failed: rethrow });
    this.#clients.push(client);
    await client.greeted();
    return client;
  }

  /** A number of clients, connected some at a time. @param {number} count */
  async clients(count) {
    /** @type {PusherClient[]} */
    const clients = [];
    while (clients.length < count) {
      const some = Math.min(50, count - clients.length);
      clients.push(...(await Promise.all(Array.from({ length: some }, () => this.client()))));
    }
    return clients;
  }

  async close() {
    await Promise.all(this.#clients.map((client) => client.close()));
    await endChild(this.caller);
  }
}

/** @param {Error} error */
function rethrow(error) {
  throw error;
}
