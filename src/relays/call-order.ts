import type { Relay } from '../ports/relay.js';

/** A relay, or one to so many members that they are checked in slices: it rejects when one of them is no member. */
export type CheckedRelay = Relay | Promise<Relay>;

/** Keeps the order of the calls while some of them are still checked. */
export class CallOrder {
  /** Settled once everything so far is checked; `undefined` while nothing is. */
  #checked: Promise<unknown> | undefined;

  /** @returns the relay, at once where neither it nor one before it is still checked; otherwise after those before it */
  next(relay: CheckedRelay): CheckedRelay {
    if (this.#checked === undefined && !(relay instanceof Promise)) return relay;
    const turn = Promise.resolve(this.#checked).then(() => relay);
    const checked = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#checked = checked;
    void checked.then(() => {
      if (this.#checked === checked) this.#checked = undefined;
    });
    return turn;
  }
}
