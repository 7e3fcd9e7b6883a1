import { type HistoryRules, relayChannel } from '../history/history-rules.js';
import { unavailable } from '../ports/losses.js';
import type { Relay } from '../ports/relay.js';
import type { RelayRuntime } from './relay-runtime.js';

/** The claims of one relay. */
interface Claimed {
  readonly key: string;
  readonly channels: readonly string[];
}

/**
 * Lets a relay with an idempotency key pass once. On channels with history the log of a gateway knows the keys; for all others they
 * are claimed here, before the relay is made, and given back when it is lost.
 */
export class IdempotentRelays {
  readonly #rules: HistoryRules;
  readonly #runtime: Pick<RelayRuntime, 'claims' | 'keepsKeys' | 'provider'>;
  /** The relays that are not settled yet, by their ids. */
  readonly #claimed = new Map<string, Claimed>();

  constructor(rules: HistoryRules, runtime: Pick<RelayRuntime, 'claims' | 'keepsKeys' | 'provider'>) {
    this.#rules = rules;
    this.#runtime = runtime;
  }

  /** Whether a relay has to be claimed first. */
  mustClaim(relay: Relay): boolean {
    if (relay.idempotencyKey === undefined) return false;
    return !this.#runtime.keepsKeys || !this.#rules.coversRelay(relay);
  }

  /**
   * Claims a relay.
   *
   * @returns the relay to those recipients that no relay with its key has gone to
   * @throws SocketUnavailableError when that cannot be known
   */
  async claim(relay: Relay): Promise<Relay> {
    const { id, recipients, idempotencyKey: key = '' } = relay;
    const { claims, provider } = this.#runtime;
    try {
      const answers = await Promise.all(
        recipients.map((recipient) => claims.claim(relayChannel(relay, recipient), key)),
      );
      const left = recipients.filter((_, index) => answers[index]);
      this.#claimed.set(id, { key, channels: left.map((recipient) => relayChannel(relay, recipient)) });
      // Claimed once, although a delay may bring it here again.
      return { ...relay, recipients: left, idempotencyKey: undefined };
    } catch (cause) {
      const reason = 'It cannot be known whether a relay with its idempotencyKey was made before';
      throw unavailable(provider, relay, reason, { cause });
    }
  }

  /** A relay has reached its recipients, or another process sends it. */
  settled({ id }: Relay): void {
    this.#claimed.delete(id);
  }

  /** A relay is lost to some recipients, so another one with its key may go to them. */
  lost(relay: Relay, recipients: readonly string[]): void {
    const claimed = this.#claimed.get(relay.id);
    if (claimed === undefined) return;
    const channels = new Set(recipients.map((recipient) => relayChannel(relay, recipient)));
    for (const channel of claimed.channels)
      if (channels.has(channel))
        // A claim that stays ends by itself.
        void this.#runtime.claims.release(channel, claimed.key).catch(() => undefined);
    this.#claimed.delete(relay.id);
  }
}
