import { canBeTriedAgain } from '../../ports/errors.js';
import type { Payload } from '../../ports/payload.js';
import { recipientKey, type Relay } from '../../ports/relay.js';

/**
 * What a provider was given although another one failed on it: the call is going to be made again, as a whole, and this one
 * is not to get it twice. A call is known by its payload, which was read once and stays the same for all attempts.
 */
export class DeliveredRelays {
  readonly #lines = new WeakMap<Payload, Map<string, Promise<boolean>>>();

  /**
   * @param error what the other one failed with; only where a retry can help is there going to be one
   * @param isTaken whether it has taken the call, once that is known
   */
  note(relay: Relay, error: unknown, isTaken: Promise<boolean>): void {
    const { payload } = relay;
    if (payload === undefined || !canBeTriedAgain(error)) return;
    const lines = this.#lines.get(payload) ?? new Map<string, Promise<boolean>>();
    this.#lines.set(payload, lines);
    const keys = relay.to.map((to) => recipientKey(relay, to));
    for (const key of keys) lines.set(key, isTaken);
    // What was missed is as if it had not been given.
    void isTaken.then((isSo) => {
      if (!isSo) for (const key of keys) lines.delete(key);
    });
  }

  /** Whether it took the call for everybody it is for, once that is known; `undefined` where it was not given it for all. */
  isTaken(relay: Relay): Promise<boolean> | undefined {
    const lines = relay.payload === undefined ? undefined : this.#lines.get(relay.payload);
    if (lines === undefined || relay.to.length === 0) return undefined;
    const answers = relay.to.map((to) => lines.get(recipientKey(relay, to)));
    return answers.every((answer) => answer !== undefined)
      ? Promise.all(answers).then((taken) => taken.every(Boolean))
      : undefined;
  }
}
