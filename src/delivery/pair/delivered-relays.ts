import { canBeTriedAgain } from '../../ports/errors.js';
import { recipientKey, type Relay } from '../../ports/relay.js';

/**
 * Remembers the relays that a provider has taken while the other one failed on them. Such a relay is sent again as a whole,
 * and this provider must not get it twice.
 */
export class DeliveredRelays {
  readonly #isRetried: boolean;
  /** By message id, and within a relay by recipient: whether the provider took it, once that is known. */
  readonly #relays = new Map<string, Map<string, Promise<boolean>>>();

  /** @param isRetried whether failed relays are sent again, and settled in the end; otherwise none is remembered */
  constructor(isRetried: boolean) {
    this.#isRetried = isRetried;
  }

  /**
   * Remembers a relay on which the other provider failed, if a retry can follow.
   *
   * @param error the other provider's failure
   * @param isTaken whether this provider takes the relay, once that is known
   */
  remember(relay: Relay, error: unknown, isTaken: Promise<boolean>): void {
    if (!this.#isRetried || relay.kind === 'disconnect' || !canBeTriedAgain(error)) return;
    const recipients = this.#relays.get(relay.id) ?? new Map<string, Promise<boolean>>();
    this.#relays.set(relay.id, recipients);
    for (const recipient of relay.recipients) recipients.set(recipientKey(relay, recipient), isTaken);
    void isTaken.then((isSo) => {
      if (!isSo) this.#forget(relay);
    });
  }

  /** Whether the provider took the relay for all its recipients, once that is known; `undefined` where it did not get it for all. */
  isTaken(relay: Relay): Promise<boolean> | undefined {
    const recipients = this.#relays.get(relay.id);
    if (recipients === undefined || relay.recipients.length === 0) return undefined;
    const answers = relay.recipients.map((recipient) => recipients.get(recipientKey(relay, recipient)));
    return answers.every((answer) => answer !== undefined)
      ? Promise.all(answers).then((taken) => taken.every(Boolean))
      : undefined;
  }

  /** No attempt for the relay follows, so nothing about it has to be remembered. */
  settled(relay: Relay): void {
    this.#relays.delete(relay.id);
  }

  /** The provider missed the relay for these recipients, and has to get it again. */
  #forget(relay: Relay): void {
    const recipients = this.#relays.get(relay.id);
    for (const recipient of relay.recipients) recipients?.delete(recipientKey(relay, recipient));
  }
}
