import type { ChannelEngine } from '../../../channels/channel-engine.js';
import type { RelayDelivery } from '../../../relays/relay-delivery.js';
import type { DeliveryHealth } from '../../../ports/socket-client.js';
import type { StartedProvider } from '../../../runtime/provider.js';
import type { SocketRuntime } from '../../../runtime/socket-runtime.js';

/** Where a scrape reads what one provider of a `SocketModule` counts anyway. */
export class MetricSource {
  #asked: Promise<DeliveryHealth | undefined> | undefined;

  readonly #provider: StartedProvider;
  readonly #runtime: SocketRuntime;

  private constructor(provider: StartedProvider, runtime: SocketRuntime) {
    this.#provider = provider;
    this.#runtime = runtime;
  }

  /** One for each provider. */
  static of(runtime: SocketRuntime): MetricSource[] {
    return runtime.providers.map((provider) => new MetricSource(provider, runtime));
  }

  /** The provider's name. */
  get provider(): string {
    return this.#provider.name;
  }

  /** Whether browsers are led to it; nothing where there is no other. */
  get isInForce(): boolean | undefined {
    const { providers, provider } = this.#runtime;
    return providers.length === 1 ? undefined : provider === this.provider;
  }

  /** What it has missed; nothing where it is the first, or the only one. */
  get second(): SocketRuntime['secondCounts'] {
    return this.#runtime.config.provider === this.provider ? undefined : this.#runtime.secondCounts;
  }

  /** What this process's own connections do; nothing where a provider has them. */
  get engine(): ChannelEngine | undefined {
    return this.#provider.engine;
  }

  /** The sums over all URLs; nothing where no webhooks are posted. */
  get webhooks(): { waiting: number; delivered: number; lost: number } | undefined {
    const { statistics = [] } = this.#provider.webhooks ?? {};
    if (statistics.length === 0) return undefined;
    const sums = { waiting: 0, delivered: 0, lost: 0 };
    for (const { waiting, delivered, lost } of statistics) {
      sums.waiting += waiting;
      sums.delivered += delivered;
      sums.lost += lost;
    }
    return sums;
  }

  /** How many attempts followed a first one; nothing where nothing is tried again. */
  get retried(): number | undefined {
    return this.#delivery?.retried;
  }

  /** What waits to be tried again, asked once for all the metrics of a scrape: it may be in Redis. */
  delivery(): Promise<DeliveryHealth | undefined> {
    this.#asked ??= this.#ask().finally(() => {
      this.#asked = undefined;
    });
    return this.#asked;
  }

  async #ask(): Promise<DeliveryHealth | undefined> {
    return this.#delivery?.health();
  }

  /** It stands before all providers, and is told with the first. */
  get #delivery(): RelayDelivery | undefined {
    return this.#runtime.config.provider === this.provider ? this.#runtime.delivery : undefined;
  }
}
