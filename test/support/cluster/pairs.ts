import { type RedisServer, startRedis } from '../redis.js';
import { EngineNode, type EngineSettings } from './engines.js';

/** A Redis for all tests of a file, and pairs of nodes on it that know nothing of other tests' pairs. */
export class Pairs {
  #redis: RedisServer | undefined;
  #count = 0;

  /** To be called where a file's tests are declared: starts the Redis before them. */
  static onOneRedis(): Pairs {
    const pairs = new Pairs();
    beforeAll(async () => {
      pairs.#redis = await startRedis({ until: 'file' });
    });
    return pairs;
  }

  get redis(): RedisServer {
    if (this.#redis === undefined) throw new Error('The Redis of this file has not been started.');
    return this.#redis;
  }

  /** The prefix of the latest pair. */
  get prefix(): string {
    return `test-${this.#count}`;
  }

  /** Two nodes of a cluster of their own, where whoever is lost is gone at once unless the settings say otherwise. */
  two(settings: EngineSettings = {}): Promise<[EngineNode, EngineNode]> {
    this.#count++;
    return EngineNode.two(this.redis.url, { prefix: this.prefix, presenceGraceMs: 0, ...settings });
  }
}
