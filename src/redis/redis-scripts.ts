import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';

/** A connection to a server or to a Redis Cluster. */
interface Connection {
  readonly client: Redis | Cluster;
}

/** A script, and the hash by which Redis knows it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

/** By their hashes. */
const SCRIPTS = new Map<string, Script>();

/** Prepares a script for {@link run} and {@link preload}. */
export function script(text: string): Script {
  const made = { text, sha: createHash('sha1').update(text).digest('hex') };
  SCRIPTS.set(made.sha, made);
  return made;
}

/** Loads every script on a server, so that no call has to send the text. Servers of a Redis Cluster load them on first use. */
export async function preload({
  client,
  isSharded,
}: Connection & { readonly isSharded: boolean }): Promise<void> {
  if (!isSharded) await Promise.all(Array.from(SCRIPTS.values(), ({ text }) => client.script('LOAD', text)));
}

/** Runs a script by its hash, and by its text if Redis does not know it yet. The caller has to check the reply. */
export async function run(
  { client }: Connection,
  { text, sha }: Script,
  keys: readonly string[],
  values: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await client.evalsha(sha, keys.length, ...keys, ...values);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.eval(text, keys.length, ...keys, ...values);
  }
}
