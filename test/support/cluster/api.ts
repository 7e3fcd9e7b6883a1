import PusherSdk from 'pusher';
import { APP } from './app.js';
import type { Listening } from './line.js';

const TIMEOUT_MS = 5_000;

/** A node's HTTP API, asked by the real SDK of Pusher's. */
export class Api {
  readonly #sdk: PusherSdk;

  constructor(node: Listening) {
    const { id: appId, key, secret } = APP;
    this.#sdk = new PusherSdk({
      appId,
      key,
      secret,
      host: '127.0.0.1',
      port: String(node.port),
      timeout: TIMEOUT_MS,
    });
  }

  /** The members of a presence channel, sorted. */
  async roster(channel: string): Promise<string[]> {
    const { users } = (await this.#get(`/channels/${channel}/users`)) as { users: { id: string }[] };
    return users.map(({ id }) => id).sort();
  }

  /** The attributes of a channel. */
  async channel(name: string, info?: string): Promise<unknown> {
    return this.#get(`/channels/${name}`, info === undefined ? {} : { info });
  }

  /** The names of all occupied channels with this prefix, sorted. */
  async occupied(prefix = ''): Promise<string[]> {
    const { channels } = (await this.#get('/channels', { filter_by_prefix: prefix })) as { channels: object };
    return Object.keys(channels).sort();
  }

  /** The status of an answer, whatever it is. */
  async status(path: string): Promise<number> {
    try {
      await this.#get(path);
      return 200;
    } catch (error) {
      const { status } = error as { status?: number };
      if (status === undefined) throw error;
      return status;
    }
  }

  async #get(path: string, params: Record<string, string> = {}): Promise<unknown> {
    const response = await this.#sdk.get({ path, params });
    return response.json();
  }
}
