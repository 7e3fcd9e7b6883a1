import type { Relay } from '../ports/relay.js';

/**
 * The key under which the log of a channel knows a relay that may come twice; `undefined` for one that cannot.
 *
 * @param isSentAgain whether retries, a queue or a second provider send a relay again
 */
export function onceKey(
  { id, idempotencyKey }: Pick<Relay, 'id' | 'idempotencyKey'>,
  isSentAgain: boolean,
): string | undefined {
  if (idempotencyKey !== undefined) return `key ${idempotencyKey}`;
  return isSentAgain ? `id ${id}` : undefined;
}
