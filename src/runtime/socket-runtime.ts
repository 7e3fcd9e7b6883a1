import type { Server } from 'node:http';
import type { ClientOrigin, ServerAttachment, SocketAdapter } from '../adapters/adapter.js';
import { BUILT_IN_ADAPTERS } from '../adapters/index.js';
import { loadDelivery } from '../delivery/index.js';
import type { ProviderPair } from '../delivery/pair/provider-pair.js';
import type { CallerAuthorization } from '../ports/callers.js';
import type { Clock } from '../ports/clock.js';
import { SocketConfigurationError } from '../ports/errors.js';
import type { HistoryStore, RelayClaims } from '../ports/history.js';
import { LIMITS } from '../ports/limits.js';
import { oneLineLogger, type SocketLogger } from '../ports/logger.js';
import type { AdapterClient } from '../ports/relay-client.js';
import type { ProviderHealth } from '../ports/socket-client.js';
import type { Provider, SocketConfig } from '../ports/socket-config.js';
import type { ChannelEventFeed } from '../relays/channel-listeners.js';
import type { DeliveryFactory, DeliveryListener, RelayDelivery } from '../relays/relay-delivery.js';
import { type SharedLog, sharedLog, type StartedProvider, startProvider } from './provider.js';
import type { SecondProvider } from './second-provider.js';

/** The options of the browser's client for one provider or gateway. */
export interface ProviderOptions {
  readonly provider: Provider;
  readonly options: object;
  /** Whether its browsers ask the backend for signatures, as `pusher-js` does. */
  readonly signsInAsPusher: boolean;
}

/**
 * Everything that one configuration needs: the providers, the port over them, and the delivery in front of it. Until
 * {@link open} it takes relays, and holds nothing that would keep the process alive: if another part of the application
 * stops the start, nobody closes it.
 */
export class SocketRuntime {
  readonly config: SocketConfig;
  readonly #primary: StartedProvider;
  readonly #second: SecondProvider | undefined;
  readonly #gateways: readonly StartedProvider[];
  readonly #makeDelivery: DeliveryFactory | undefined;
  readonly #memoryLog: SharedLog;
  readonly #logger: SocketLogger;
  readonly #closedListeners: (() => void)[] = [];
  #delivery: RelayDelivery | undefined;
  #attaching: Promise<void> | undefined;
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    config: SocketConfig,
    primary: StartedProvider,
    second: SecondProvider | undefined,
    gateways: readonly StartedProvider[],
    makeDelivery: DeliveryFactory | undefined,
    memoryLog: SharedLog,
    logger: SocketLogger,
  ) {
    this.config = config;
    this.#primary = primary;
    this.#second = second;
    this.#gateways = gateways;
    this.#makeDelivery = makeDelivery;
    this.#memoryLog = memoryLog;
    this.#logger = logger;
  }

  /**
   * Makes the configured providers. No code of other providers is loaded.
   *
   * @param adapters the adapters besides the built-in ones that the configuration was read with @default []
   * @throws MissingPackageError when a package that they need is not installed
   * @throws SocketConfigurationError when no adapter has the configured name
   */
  static async start(
    config: SocketConfig,
    logger: SocketLogger,
    adapters: readonly SocketAdapter[] = [],
  ): Promise<SocketRuntime> {
    const known = [...BUILT_IN_ADAPTERS, ...adapters];
    const log = oneLineLogger(logger);
    const primaryAdapter = adapterNamed(config.provider, known);
    const secondAdapter = config.second && adapterNamed(config.second.provider, known);
    const { isRetried = false, isFake = false } = primaryAdapter.capabilities ?? {};
    const two = secondAdapter && (await import('./second-provider.js'));
    // The fake of tests neither retries nor queues, although the environment may ask the real provider for that.
    const makeDelivery = isFake
      ? undefined
      : await loadDelivery(
          two?.configAbovePair(config) ?? config,
          isRetried && config.delivery.retryDeadlineMs > 0,
        );
    const gatewayAdapters = config.gateways.map((name) => adapterNamed(name, known));
    const beside = gatewayAdapters.length > 0 ? await import('./side-gateways.js') : undefined;
    // Nothing is started before everything else that can fail.
    const memoryLog = sharedLog(config);
    const primary = await startProvider(primaryAdapter, config, log, memoryLog);
    const started = [primary];
    try {
      const second =
        secondAdapter && (await two?.startSecondProvider(primary, secondAdapter, config, log, memoryLog));
      if (second !== undefined) started.push(second.provider);
      const gateways =
        (await beside?.startSideGateways(started, gatewayAdapters, config, log, memoryLog)) ?? [];
      return new SocketRuntime(config, primary, second, gateways, makeDelivery, memoryLog, log);
    } catch (error) {
      // The first failure is the one to tell.
      await Promise.allSettled(started.map(({ client }) => client.close()));
      throw error;
    }
  }

  /** The started providers, the primary first. */
  get providers(): readonly StartedProvider[] {
    return this.#second === undefined ? [this.#primary] : [this.#primary, this.#second.provider];
  }

  /** The gateways beside that of a provider. */
  get gateways(): readonly StartedProvider[] {
    return this.#gateways;
  }

  /** The port: that of the only provider, or that over both. */
  get client(): AdapterClient {
    return this.#second?.pair ?? this.#primary.client;
  }

  /** The name of the provider that browsers should be on now. */
  get provider(): Provider {
    return this.#second?.pair.inForce ?? this.config.provider;
  }

  /** The counts of relays that the second of two providers missed; `undefined` where there is only one provider. */
  get secondCounts(): ProviderPair['counts'] | undefined {
    return this.#second?.pair.counts;
  }

  /** The clock of the providers: the system's, or on `memory` the one that a test moves. */
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

  /** Whether every provider encrypts the events of encrypted channels. */
  get hasEncryptedChannels(): boolean {
    return this.providers.every(({ adapter }) => adapter.capabilities?.hasEncryptedChannels === true);
  }

  /** The most characters of a member's id that every provider allows on presence channels. */
  get presenceIdLength(): number {
    const lengths = this.providers.map(({ adapter }) => adapter.capabilities?.presenceIdLength ?? Infinity);
    return Math.min(LIMITS.memberIdLength, ...lengths);
  }

  /** Whether browsers connect to this process. */
  get hasGateway(): boolean {
    return this.providers.some(({ adapter }) => adapter.capabilities?.hasGateway === true);
  }

  /** The logs of the channels with history; `undefined` where the provider in force keeps none. */
  get history(): HistoryStore | undefined {
    const { engine, history } = this.#inForce;
    return engine?.history ?? history;
  }

  /** Whether every provider has an engine, whose logs know the keys of relays. */
  get keepsKeys(): boolean {
    return this.providers.every(({ engine }) => engine !== undefined);
  }

  /** The claims of relays with idempotency keys: in the memory of this process where the provider in force keeps none. */
  get claims(): RelayClaims {
    return this.history ?? this.#memoryLog(this.clock);
  }

  /** The entries of `SOCKET_HISTORY` where the provider in force puts positions into an envelope; `undefined` elsewhere. */
  get envelopedChannels(): readonly string[] | undefined {
    const { channels } = this.config.history;
    return channels.length > 0 && this.#inForce.adapter.hasEnvelope?.(this.config) === true
      ? channels
      : undefined;
  }

  /** Whether connections to the provider in force carry messages without a channel, and answers. */
  get carriesAnswers(): boolean {
    return this.#inForce.adapter.capabilities?.carriesAnswers === true;
  }

  /** The delivery that {@link deliver} made; `undefined` where each relay is attempted once. */
  get delivery(): RelayDelivery | undefined {
    return this.#delivery;
  }

  /** Makes the delivery in front of the port; `undefined` where each relay is attempted once. Call it once. {@link close} ends it. */
  deliver(listener: DeliveryListener): RelayDelivery | undefined {
    const { client, clock } = this;
    this.#delivery = this.#makeDelivery?.({ client, clock, listener, logger: this.#logger });
    return this.#delivery;
  }

  /** The options of browsers' clients: for the provider in force, and then for the gateways beside a provider. */
  clientOptions(origin: ClientOrigin): readonly [ProviderOptions, ...ProviderOptions[]] {
    const optionsOf = ({ name, adapter }: StartedProvider): ProviderOptions => ({
      provider: name,
      options: adapter.clientOptions(this.config, origin),
      signsInAsPusher: adapter.capabilities?.signsInAsPusher === true,
    });
    return [optionsOf(this.#inForce), ...this.#gateways.map(optionsOf)];
  }

  /** Connects, and begins with the work in the background, unless the shutdown has begun. */
  open(): void {
    if (this.#draining !== undefined) return;
    for (const provider of this.providers) provider.open();
    this.#delivery?.open?.();
  }

  /**
   * Attaches the providers that need it to an HTTP server, unless the shutdown has begun. A second call waits for the first.
   *
   * @param path the path of the module's endpoints
   * @param callers the application's decisions about callers
   * @throws SocketConfigurationError when a provider cannot listen on a port of its own
   */
  attach(server: Server, path: string, callers: CallerAuthorization): Promise<void> {
    this.#attaching ??= this.#attach(server, path, callers);
    return this.#attaching;
  }

  /** The port's health, asked now. From the beginning of a shutdown it is `down`, on every provider. Never rejects. */
  async health(): Promise<ProviderHealth> {
    const health = await this.client.health();
    if (this.#draining === undefined || health.reason === 'closed') return health;
    return { ...health, status: 'down', reason: 'draining' };
  }

  /**
   * Begins the shutdown: sends the clients of this process away, and still takes relays, until {@link close}. A second call
   * waits for the first.
   */
  drain(): Promise<void> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  /** Drains, ends the last attempts, then the connections, and releases every handle. A second call waits for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Calls the listener once everything is closed. */
  onClosed(listener: () => void): void {
    this.#closedListeners.push(listener);
  }

  async #attach(server: Server, path: string, callers: CallerAuthorization): Promise<void> {
    for (const attachment of this.#attachments) {
      if (this.#draining === undefined) await attachment.attach(server, path, callers);
    }
  }

  async #drain(): Promise<void> {
    await this.#attaching?.catch(() => undefined);
    // All gateways of one engine refuse new connections before it sends away those that there are.
    const clients = [...this.#gateways.map(({ client }) => client), this.client];
    await inTurn([
      () => this.#delivery?.drain?.(),
      () => Promise.all(clients.map(async (client) => client.drain?.())),
    ]);
  }

  async #close(): Promise<void> {
    const gateways = this.#gateways.map(
      ({ client }) =>
        () =>
          client.close(),
    );
    const closed = [...this.#attachments.map((one) => () => one.detach?.()), ...this.#closedListeners];
    await inTurn([
      () => this.drain(),
      () => this.#delivery?.close(),
      () => this.client.close(),
      ...gateways,
      ...closed,
    ]);
  }

  get #inForce(): StartedProvider {
    const { provider } = this;
    return this.providers.find(({ name }) => name === provider) ?? this.#primary;
  }

  get #attachments(): readonly ServerAttachment[] {
    return [...this.providers, ...this.#gateways].flatMap(({ attachment }) =>
      attachment === undefined ? [] : [attachment],
    );
  }
}

/** Takes one step after the other. If some of them fail, the others are taken all the same, and the first failure is thrown. */
async function inTurn(steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

function adapterNamed(name: string, adapters: readonly SocketAdapter[]): SocketAdapter {
  const [adapter, double] = adapters.filter((candidate) => candidate.name === name);
  if (double !== undefined)
    throw new SocketConfigurationError([`adapters: two of them have the name "${name}"`]);
  if (adapter !== undefined) return adapter;
  const known = adapters.map((candidate) => candidate.name).join(', ');
  throw new SocketConfigurationError([
    `provider: there is no adapter of this name, the adapters are ${known}; it is "${name}"`,
  ]);
}
