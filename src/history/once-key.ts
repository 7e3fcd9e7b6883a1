/**
 * The key under which the log of a channel knows a relay that may come twice; `undefined` for one that cannot.
 *
 * @param id the message id
 * @param idempotencyKey the caller's own name for it
 * @param isSentAgain whether retries, a queue or a second provider send a relay again
 */
export function onceKey(
  id: string,
  idempotencyKey: string | undefined,
  isSentAgain: boolean,
): string | undefined {
  if (idempotencyKey !== undefined) return `key ${idempotencyKey}`;
  return isSentAgain ? `id ${id}` : undefined;
}
