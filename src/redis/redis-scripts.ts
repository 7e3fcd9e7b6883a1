import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';

/** A connection, whatever stands behind it. */
interface Connection {
  readonly client: Redis | Cluster;
}

/** A script and the name by which Redis remembers it. */
interface Script {
  readonly text: string;
  readonly sha: string;
}

const SCRIPTS: Script[] = [];

/** Makes a script ready to be run. */
export function script(text: string): Script {
  const made = { text, sha: createHash('sha1').update(text).digest('hex') };
  SCRIPTS.push(made);
  return made;
}

/** Tells a server every script, so that no call has to bring its text along. Servers of a Redis Cluster learn as they go. */
export async function preload({
  client,
  isSharded,
}: Connection & { readonly isSharded: boolean }): Promise<void> {
  if (!isSharded) await Promise.all(SCRIPTS.map(({ text }) => client.script('LOAD', text)));
}

/** Runs a script by its name, and by its text where Redis does not know it yet. What it answers is read by the caller. */
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
