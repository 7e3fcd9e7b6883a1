import type { ChannelEngine } from '../../../channels/channel-engine.js';
import type { HistoryStatistics } from '../../../ports/history.js';
import type { DeliveryHealth } from '../../../ports/socket-client.js';
import type { RelayDelivery } from '../../../relays/relay-delivery.js';
import type { StartedProvider } from '../../../runtime/provider.js';
import type { SocketRuntime } from '../../../runtime/socket-runtime.js';

/** The values of one provider of a `SocketModule` that a scrape reads. */
export class MetricSource {
  #deliveryHealth: Promise<DeliveryHealth | undefined> | undefined;

  readonly #provider: StartedProvider;
  readonly #runtime: SocketRuntime;

  private constructor(provider: StartedProvider, runtime: SocketRuntime) {
    this.#provider = provider;
    this.#runtime = runtime;
  }

  /** Makes one for each provider. */
  static of(runtime: SocketRuntime): MetricSource[] {
    return runtime.providers.map((provider) => new MetricSource(provider, runtime));
  }

  /** The provider's name. */
  get provider(): string {
    return this.#provider.name;
  }

  /** Whether browsers connect to this provider now; `undefined` where there is no other one. */
  get isInForce(): boolean | undefined {
    const { providers, provider } = this.#runtime;
    return providers.length === 1 ? undefined : provider === this.provider;
  }

  /** The counts of relays that it missed as the second provider; `undefined` where it is the first. */
  get second(): SocketRuntime['secondCounts'] {
    return this.#runtime.config.provider === this.provider ? undefined : this.#runtime.secondCounts;
  }

  /** The engine behind this process's own connections; `undefined` where a hosted provider has the connections. */
  get engine(): ChannelEngine | undefined {
    return this.#provider.engine;
  }

  /** The counts of the logs of channels; `undefined` where no channel has history, and where they are the first provider's logs. */
  get history(): HistoryStatistics | undefined {
    const { config, providers } = this.#runtime;
    if (config.history.channels.length === 0) return undefined;
    const owner = providers.find((provider) => logsOf(provider) === logsOf(this.#provider));
    if (owner !== this.#provider) return undefined;
    const { engine, history } = this.#provider;
    return engine?.historyStatistics ?? history?.statistics;
  }

  /** The sums over all URLs; `undefined` where there are no webhooks. */
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

  /** How many attempts followed the first one of each relay; `undefined` where failed relays are not retried. */
  get retried(): number | undefined {
    return this.#delivery?.retried;
  }

  /** The health of the delivery. All metrics of a scrape share one question, because the answer may be in Redis. */
  delivery(): Promise<DeliveryHealth | undefined> {
    this.#deliveryHealth ??= this.#ask().finally(() => {
      this.#deliveryHealth = undefined;
    });
    return this.#deliveryHealth;
  }

  async #ask(): Promise<DeliveryHealth | undefined> {
    return this.#delivery?.health();
  }

  /** The delivery stands in front of all providers; its metrics carry the name of the first. */
  get #delivery(): RelayDelivery | undefined {
    return this.#runtime.config.provider === this.provider ? this.#runtime.delivery : undefined;
  }
}

/** Providers of one process share the logs in its memory. */
function logsOf({ engine, history }: StartedProvider): unknown {
  return engine?.history ?? history;
}
