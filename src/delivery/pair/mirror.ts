import type { ProviderHealth } from '../../ports/socket-client.js';
import type { Provider } from '../../ports/socket-config.js';
import { Copies, type Side } from './best-effort-sender.js';
import { Given } from './delivered-relays.js';
import { type Order, perform } from '../../ports/relay.js';
import { TwoProviders, type TwoProvidersParts } from './provider-pair.js';

/**
 * Two providers that both get everything, for a migration: a browser hears the same on either. What becomes of a call is
 * what the first made of it, and nobody waits for the second. How often the two differed is counted, once for a call,
 * and what is tried again because the first failed the second is not given again.
 */
export class Mirror extends TwoProviders {
  readonly #copies: Copies;
  readonly #given = new Given();
  #divergence = 0;

  constructor(parts: TwoProvidersParts) {
    super(parts);
    this.#copies = new Copies(parts.second, parts.clock, parts.logger);
  }

  get inForce(): Provider {
    return this.first.provider;
  }

  get counts(): { readonly missed: number; readonly divergence: number } {
    return { missed: this.#copies.missed, divergence: this.#divergence };
  }

  async health(): Promise<ProviderHealth> {
    const { first, second, isDraining } = await this.bothHealths();
    return {
      ...first,
      ...(isDraining && { status: 'down', reason: 'draining' }),
      second: {
        ...second,
        provider: this.second.provider,
        role: 'mirror',
        ...this.counts,
      },
    };
  }

  protected async carry(order: Order): Promise<void> {
    const outcome = perform(this.first.client, order);
    const given = this.#given.isTaken(order);
    const copied = given ?? this.#copies.send(order);
    let isTaken = false;
    try {
      await outcome;
      isTaken = true;
    } catch (error) {
      this.#given.note(order, error, copied);
      throw error;
    } finally {
      // Of a call that is made again the first attempt was compared.
      if (given === undefined) this.#compare(copied, isTaken);
    }
  }

  #compare(copied: Promise<boolean>, isTaken: boolean): void {
    void copied.then((isCopied) => {
      if (isCopied !== isTaken) this.#divergence++;
    });
  }

  protected whoKnows(): readonly [Side, Side] {
    return [this.first, this.second];
  }
}
