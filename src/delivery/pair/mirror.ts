import type { ProviderHealth } from '../../ports/socket-client.js';
import type { Provider } from '../../ports/socket-config.js';
import { BestEffortSender, type PairedProvider } from './best-effort-sender.js';
import { DeliveredRelays } from './delivered-relays.js';
import { type Relay, perform } from '../../ports/relay.js';
import { ProviderPair, type ProviderPairParts } from './provider-pair.js';

/**
 * Two providers that both get everything, for a migration: a browser hears the same on either. What becomes of a call is
 * what the first made of it, and nobody waits for the second. How often the two differed is counted, once for a call,
 * and what is tried again because the first failed the second is not given again.
 */
export class Mirror extends ProviderPair {
  readonly #secondarySender: BestEffortSender;
  readonly #delivered = new DeliveredRelays();
  #divergence = 0;

  constructor(parts: ProviderPairParts) {
    super(parts);
    this.#secondarySender = new BestEffortSender(parts.secondary, parts.clock, parts.logger);
  }

  get inForce(): Provider {
    return this.primary.provider;
  }

  get counts(): { readonly missed: number; readonly divergence: number } {
    return { missed: this.#secondarySender.missed, divergence: this.#divergence };
  }

  async health(): Promise<ProviderHealth> {
    const { primary, secondary, isDraining } = await this.bothHealths();
    return {
      ...primary,
      ...(isDraining && { status: 'down', reason: 'draining' }),
      second: {
        ...secondary,
        provider: this.secondary.provider,
        role: 'mirror',
        ...this.counts,
      },
    };
  }

  protected async carry(relay: Relay): Promise<void> {
    const outcome = perform(this.primary.client, relay);
    const delivered = this.#delivered.isTaken(relay);
    const copied = delivered ?? this.#secondarySender.send(relay);
    let isTaken = false;
    try {
      await outcome;
      isTaken = true;
    } catch (error) {
      this.#delivered.note(relay, error, copied);
      throw error;
    } finally {
      // Of a call that is made again the first attempt was compared.
      if (delivered === undefined) this.#compare(copied, isTaken);
    }
  }

  #compare(copied: Promise<boolean>, isTaken: boolean): void {
    void copied.then((isCopied) => {
      if (isCopied !== isTaken) this.#divergence++;
    });
  }

  protected whoKnows(): readonly [PairedProvider, PairedProvider] {
    return [this.primary, this.secondary];
  }
}
