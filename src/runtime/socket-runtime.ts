import type { Server } from 'node:http';
import type { ClientOrigin, ServerAttachment, SocketAdapter } from '../adapters/adapter.js';
import { BUILT_IN_ADAPTERS } from '../adapters/index.js';
import { loadDelivery } from '../delivery/index.js';
import type { ProviderPair } from '../delivery/pair/provider-pair.js';
import type { Clock } from '../ports/clock.js';
import { SocketConfigurationError } from '../ports/errors.js';
import { oneLineLogger, type SocketLogger } from '../ports/logger.js';
import type { SocketClient } from '../ports/relay-client.js';
import type { Provider, SocketConfig } from '../ports/socket-config.js';
import type { ChannelEventFeed } from '../relays/channel-listeners.js';
import type { DeliveryFactory, DeliveryListener, RelayDelivery } from '../relays/relay-delivery.js';
import { startProvider, type StartedProvider } from './provider.js';
import type { SecondProvider } from './second-provider.js';

/** The inside, composed for one configuration: the providers, the delivery in front of them, and the port over all. */
export class SocketRuntime {
  readonly config: SocketConfig;
  readonly #primary: StartedProvider;
  readonly #second: SecondProvider | undefined;
  readonly #makeDelivery: DeliveryFactory | undefined;
  readonly #logger: SocketLogger;
  #delivery: RelayDelivery | undefined;

  private constructor(
    config: SocketConfig,
    primary: StartedProvider,
    second: SecondProvider | undefined,
    makeDelivery: DeliveryFactory | undefined,
    logger: SocketLogger,
  ) {
    this.config = config;
    this.#primary = primary;
    this.#second = second;
    this.#makeDelivery = makeDelivery;
    this.#logger = logger;
  }

  /**
   * Starts the configured providers, and loads nothing of the others.
   *
   * @param adapters those that the configuration was read with
   * @throws MissingPackageError, SocketConfigurationError
   */
  static async start(
    config: SocketConfig,
    logger: SocketLogger,
    adapters: readonly SocketAdapter[] = [],
  ): Promise<SocketRuntime> {
    const known = [...BUILT_IN_ADAPTERS, ...adapters];
    const log = oneLineLogger(logger);
    const primary = await startProvider(adapterNamed(config.provider, known), config, log);
    const { isRetried = false, isFake = false } = primary.adapter.capabilities ?? {};
    let second: SecondProvider | undefined;
    let configAbove = config;
    if (config.second !== undefined) {
      const { startSecondProvider, configAbovePair } = await import('./second-provider.js');
      const adapter = adapterNamed(config.second.provider, known);
      second = await startSecondProvider(primary, adapter, config, config.second, log);
      configAbove = configAbovePair(config);
    }
    // The fake stays one process and loud, whatever the environment says of the real one.
    const makeDelivery = isFake
      ? undefined
      : await loadDelivery(configAbove, isRetried && config.delivery.retryDeadlineMs > 0);
    return new SocketRuntime(config, primary, second, makeDelivery, log);
  }

  /** Every provider there is, the primary first. */
  get providers(): readonly StartedProvider[] {
    return this.#second === undefined ? [this.#primary] : [this.#primary, this.#second.provider];
  }

  /** The port: the one provider's, or that over both. */
  get client(): SocketClient {
    return this.#second?.pair ?? this.#primary.client;
  }

  /** The name of the provider that browsers should be on now. */
  get provider(): Provider {
    return this.#second?.pair.inForce ?? this.config.provider;
  }

  /** Counts of relays that the second of two providers has missed; nothing where there is one provider. */
  get secondCounts(): ProviderPair['counts'] | undefined {
    return this.#second?.pair.counts;
  }

  get clock(): Clock {
    return this.#primary.clock;
  }

  /** The events on the channels of every provider. */
  get channelEvents(): ChannelEventFeed {
    const sources = this.providers.map(({ channelEvents }) => channelEvents);
    return {
      listen: (listener) => {
        const stops = sources.map((source) => source.listen(listener));
        return () => {
          for (const stop of stops) stop();
        };
      },
    };
  }

  /** Whether browsers connect to this process. */
  get hasGateway(): boolean {
    return this.providers.some(({ adapter }) => adapter.capabilities?.hasGateway === true);
  }

  /** Whether browsers, on the provider in force, ask the backend for signatures as `pusher-js` does. */
  get signsInAsPusher(): boolean {
    return this.#inForce.adapter.capabilities?.signsInAsPusher === true;
  }

  /** The delivery that {@link deliver} made. */
  get delivery(): RelayDelivery | undefined {
    return this.#delivery;
  }

  /** Makes the delivery in front of the port, once; nothing where each relay is attempted once. It ends with {@link close}. */
  deliver(listener: DeliveryListener): RelayDelivery | undefined {
    const { client, clock } = this;
    this.#delivery = this.#makeDelivery?.({ client, clock, listener, logger: this.#logger });
    return this.#delivery;
  }

  /** The options of the browser's client for the provider in force. */
  clientOptions(origin: ClientOrigin): object {
    return this.#inForce.adapter.clientOptions(this.config, origin);
  }

  /**
   * Starts to listen, where a provider listens.
   *
   * @param path the path of the module's endpoints
   * @throws SocketConfigurationError when a port of its own cannot be listened on
   */
  async attach(server: Server, path: string): Promise<void> {
    for (const attachment of this.#attachments) await attachment.attach(server, path);
  }

  /** Ends the attempts under way, sends the connections away, and releases everything. */
  async close(): Promise<void> {
    for (const attachment of this.#attachments) attachment.detach?.();
    await this.#delivery?.close();
    await this.client.close();
    await this.#delivery?.release?.();
  }

  get #inForce(): StartedProvider {
    const { provider } = this;
    return this.providers.find(({ name }) => name === provider) ?? this.#primary;
  }

  get #attachments(): readonly ServerAttachment[] {
    return this.providers.flatMap(({ attachment }) => (attachment === undefined ? [] : [attachment]));
  }
}

function adapterNamed(name: string, adapters: readonly SocketAdapter[]): SocketAdapter {
  const adapter = adapters.find((candidate) => candidate.name === name);
  if (adapter !== undefined) return adapter;
  const known = adapters.map((candidate) => candidate.name).join(', ');
  throw new SocketConfigurationError([
    `SOCKET_PROVIDER: there is no adapter of this name, the adapters are ${known}; it is "${name}"`,
  ]);
}
