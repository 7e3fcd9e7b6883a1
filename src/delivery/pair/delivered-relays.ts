import { canBeTriedAgain } from '../../ports/errors.js';
import type { Payload } from '../../ports/payload.js';
import { lineOf, type Order } from '../../ports/relay.js';

/**
 * What a provider was given although another one failed on it: the call is going to be made again, as a whole, and this one
 * is not to get it twice. A call is known by its payload, which was read once and stays the same for all attempts.
 */
export class Given {
  readonly #lines = new WeakMap<Payload, Map<string, Promise<boolean>>>();

  /**
   * @param error what the other one failed with; only where a retry can help is there going to be one
   * @param isTaken whether it has taken the call, once that is known
   */
  note(order: Order, error: unknown, isTaken: Promise<boolean>): void {
    const { payload } = order;
    if (payload === undefined || !canBeTriedAgain(error)) return;
    const lines = this.#lines.get(payload) ?? new Map<string, Promise<boolean>>();
    this.#lines.set(payload, lines);
    const keys = order.to.map((to) => lineOf(order, to));
    for (const key of keys) lines.set(key, isTaken);
    // What was missed is as if it had not been given.
    void isTaken.then((isSo) => {
      if (!isSo) for (const key of keys) lines.delete(key);
    });
  }

  /** Whether it took the call for everybody it is for, once that is known; `undefined` where it was not given it for all. */
  isTaken(order: Order): Promise<boolean> | undefined {
    const lines = order.payload === undefined ? undefined : this.#lines.get(order.payload);
    if (lines === undefined || order.to.length === 0) return undefined;
    const answers = order.to.map((to) => lines.get(lineOf(order, to)));
    return answers.every((answer) => answer !== undefined)
      ? Promise.all(answers).then((taken) => taken.every(Boolean))
      : undefined;
  }
}
