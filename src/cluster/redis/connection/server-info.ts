import { primariesOf } from './primaries.js';
import type { RedisConnection } from './redis-connection.js';

/** The servers behind a connection, as they describe themselves. */
export interface ServerInfo {
  /** Another one when a server was replaced or started again: then the data may be older than it was. */
  readonly identity: string;
  /** A policy by which a server deletes any key when its memory is full; `undefined` when no server does. */
  readonly eviction: string | undefined;
}

/** Asks the servers about themselves. @returns `undefined` when one of them does not say, because this user may not ask */
export async function serverInfo({ client }: RedisConnection): Promise<ServerInfo | undefined> {
  try {
    const texts = await Promise.all(primariesOf(client).map((primary) => primary.info()));
    const identities = texts.map((text) => `${field(text, 'run_id')} ${field(text, 'master_replid')}`);
    const evicting = texts.filter((text) => field(text, 'maxmemory') !== '0');
    const eviction = evicting
      .map((text) => field(text, 'maxmemory_policy'))
      .find((it) => it.startsWith('allkeys'));
    return { identity: identities.sort().join(), eviction };
  } catch {
    return undefined;
  }
}

function field(text: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1] ?? '';
}
