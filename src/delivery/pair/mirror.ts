import type { Relay } from '../../ports/relay.js';
import type { ProviderHealth } from '../../ports/socket-client.js';
import type { Provider } from '../../ports/socket-config.js';
import { BestEffortSender, type PairedProvider } from './best-effort-sender.js';
import { DeliveredRelays } from './delivered-relays.js';
import { ProviderPair, type ProviderPairParts } from './provider-pair.js';

/**
 * Two providers that both get every relay, for a migration: a browser hears the same on either. The primary decides the
 * outcome of a relay, and nobody waits for the secondary. Differing outcomes are counted, once for a relay; a relay that is
 * tried again because the primary failed does not go to the secondary again.
 */
export class Mirror extends ProviderPair {
  readonly #toSecondary: BestEffortSender;
  readonly #delivered: DeliveredRelays;
  #divergence = 0;

  constructor(parts: ProviderPairParts) {
    super(parts);
    this.#delivered = new DeliveredRelays(parts.isRetried);
    this.#toSecondary = new BestEffortSender(parts.secondary, parts.clock, parts.logger);
  }

  get inForce(): Provider {
    return this.primary.provider;
  }

  get counts(): { readonly missed: number; readonly divergence: number } {
    return { missed: this.#toSecondary.missed, divergence: this.#divergence };
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

  async send(relay: Relay): Promise<void> {
    const outcome = this.primary.client.send(relay);
    const earlier = this.#delivered.isTaken(relay);
    const copied = earlier ?? this.#toSecondary.send(relay);
    let isTaken = false;
    try {
      await outcome;
      isTaken = true;
    } catch (error) {
      this.#delivered.remember(relay, error, copied);
      throw error;
    } finally {
      // Of a relay that is sent again, the first attempt was compared.
      if (earlier === undefined) this.#compare(copied, isTaken);
    }
  }

  settled(relay: Relay): void {
    this.#delivered.settled(relay);
  }

  #compare(copied: Promise<boolean>, isTaken: boolean): void {
    void copied.then((isCopied) => {
      if (isCopied !== isTaken) this.#divergence++;
    });
  }

  protected providersWithMembers(): readonly [PairedProvider, PairedProvider] {
    return [this.primary, this.secondary];
  }
}
