import { copyFile, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { RedisServer } from '../../redis.js';
import { dumpOf, leaveBehind, type RedisSite, restartEmpty } from './redis-site.js';
import type { Trouble } from './story.js';

/** How many connections Redis keeps for itself and for those who control it, when it refuses others. */
const OWN_CONNECTIONS = 1;

/** A trouble of Redis that has begun: the steps that are done before it ends, see it. */
export interface BegunTrouble {
  readonly end: () => Promise<void>;
}

/** Of all troubles, those of Redis. */
export type RedisTrouble = Extract<Trouble, { readonly shard: number }>;

const nothing = (): Promise<void> => Promise.resolve();

/** Brings trouble upon a Redis. */
export class RedisTroubles {
  /** By shard, what was saved when the story began. */
  readonly #backups: string[] = [];

  constructor(
    private readonly site: RedisSite,
    /** Nodes have this prefix before everything in Redis. */
    private readonly prefix: string,
  ) {}

  /** Saves all of it, for a day when it is restored. */
  async backUp(): Promise<void> {
    for (const [shard, server] of (await this.site.primaries()).entries()) {
      const backup = `${dumpOf(server)}.backup`;
      await withClient(server, (client) => client.save());
      await copyFile(dumpOf(server), backup);
      await rm(dumpOf(server), { force: true });
      this.#backups[shard] = backup;
    }
  }

  async begin(trouble: RedisTrouble): Promise<BegunTrouble> {
    const primaries = await this.site.primaries();
    const shard = trouble.shard % primaries.length;
    const server = primaries[shard];
    if (server === undefined) throw new Error('There is no Redis.');
    switch (trouble.do) {
      case 'promote-behind':
        return begun(leaveBehind(server), () => this.site.promote(server));
      case 'old-snapshot':
        return begun(
          withClient(server, (client) => client.save()),
          async () => {
            await server.restart();
            await rm(dumpOf(server), { force: true });
          },
        );
      case 'old-backup':
        return begun(nothing(), () => this.#restore(server, shard));
      case 'lose':
        return begun(server.stop(), () => restartEmpty(server));
      case 'flush':
        return begun(nothing(), () => withClient(server, (client) => client.flushall()));
      case 'delete-keys':
        return begun(nothing(), () => withClient(server, (client) => this.#delete(client, trouble.picks)));
      case 'evict':
        return begun(
          withClient(server, (client) => evict(client, trouble.bytes)),
          () => withClient(server, (client) => client.config('SET', 'maxmemory', '0')),
        );
      case 'kill-connections': {
        const kill = () => withClient(server, (client) => killConnections(client, trouble.type));
        return begun(kill(), kill);
      }
      case 'refuse-connections':
        return this.#refuse(server, trouble.ms);
      case 'pause-redis':
        server.pause();
        return begun(nothing(), async () => {
          await delay(trouble.ms);
          server.resume();
        });
    }
  }

  async #restore(server: RedisServer, shard: number): Promise<void> {
    const backup = this.#backups[shard];
    if (backup === undefined) throw new Error('Nothing was backed up.');
    await server.stop();
    await copyFile(backup, dumpOf(server));
    await server.restart();
    await rm(dumpOf(server), { force: true });
  }

  async #delete(client: Redis, picks: readonly number[]): Promise<void> {
    const keys = (await client.keys(`${this.prefix}:*`)).sort();
    for (const pick of picks) {
      const key = keys[pick % Math.max(1, keys.length)];
      if (key !== undefined) await client.del(key);
    }
  }

  /** On one connection all the time, because another one would be refused too. */
  async #refuse(server: RedisServer, ms: number): Promise<BegunTrouble> {
    const client = server.client();
    const [, before = ''] = await client.config('GET', 'maxclients');
    await client.config('SET', 'maxclients', OWN_CONNECTIONS);
    await killConnections(client, 'both');
    return {
      end: async () => {
        await delay(ms);
        await client.config('SET', 'maxclients', before);
        client.disconnect();
      },
    };
  }
}

async function begun(beginning: Promise<unknown>, end: () => Promise<unknown>): Promise<BegunTrouble> {
  await beginning;
  return {
    end: async () => {
      await end();
    },
  };
}

async function withClient<T>(server: RedisServer, task: (client: Redis) => Promise<T>): Promise<T> {
  const client = server.client();
  try {
    return await task(client);
  } finally {
    client.disconnect();
  }
}

/** Lets Redis have so many bytes less than it uses. */
async function evict(client: Redis, bytes: number): Promise<void> {
  await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
  const [, used = '0'] = /^used_memory:(\d+)/m.exec(await client.info('memory')) ?? [];
  await client.config('SET', 'maxmemory', Number(used) - bytes);
}

async function killConnections(client: Redis, type: 'normal' | 'pubsub' | 'both'): Promise<void> {
  for (const each of ['normal', 'pubsub']) {
    if (type === 'both' || type === each) await client.call('CLIENT', 'KILL', 'TYPE', each, 'SKIPME', 'yes');
  }
}
