import type { Server } from 'node:http';
import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import type { Container } from 'inversify';
import {
  type ClientOptions,
  type ClientOrigin,
  SERVER_ATTACHMENT,
  type ServerAttachment,
  type SocketAdapter,
} from '../../adapters/adapter.js';
import { loadAdapter } from '../../adapters/index.js';
import { createSocketContainer } from '../../adapters/socket-container.js';
import { ChannelEventSource } from '../../channels/channel-event-source.js';
import { DEVELOPMENT_APP, socketConfig } from '../../config/socket-config.js';
import { type DeliveryFactory, loadDelivery } from '../../delivery/index.js';
import type { DeliveryListener, RelayDelivery } from '../../relays/relay-delivery.js';
import { type Clock, CLOCK } from '../../ports/clock.js';
import { LOGGER, type SocketLogger } from '../../ports/logger.js';
import { type ISocketClient, SOCKET_CLIENT } from '../../ports/socket-client.js';
import type { Provider, SocketConfig } from '../../ports/socket-config.js';
import type { ChannelEventFeed } from '../../relays/channel-listeners.js';
import type { BuiltProvider, SecondProvider } from './second-provider.js';
import type { SocketModuleOptions, SocketModulePaths } from './socket-options.js';

/** The border between the two containers: the inside as inversify composed it, started and stopped with the Nest application. */
@Injectable()
export class SocketRuntime implements OnApplicationBootstrap, BeforeApplicationShutdown {
  #delivery: RelayDelivery | undefined;

  private constructor(
    readonly config: SocketConfig,
    private readonly adapter: SocketAdapter,
    /** The inside: `container.get(token)`. */
    readonly container: Container,
    private readonly host: HttpAdapterHost,
    /** Where the endpoints are, once the application is complete; whatever a prefix's `exclude` or versioning say. */
    private readonly endpoints: () => string,
    private readonly makeDelivery: DeliveryFactory | undefined,
    /** Absent where there is one provider. */
    private readonly second: SecondProvider | undefined,
  ) {}

  /**
   * Reads the configuration and builds the container for its provider.
   *
   * @throws SocketConfigurationError, MissingPackageError
   */
  static async create(
    options: SocketModuleOptions,
    { path, gatewayPath }: Required<SocketModulePaths>,
    host: HttpAdapterHost,
    application: ApplicationConfig,
    override: Provider | undefined,
  ): Promise<SocketRuntime> {
    const given = options.env ?? process.env;
    const isOverruled = override !== undefined;
    // What overrules the provider stands alone.
    const settings = isOverruled ? { ...options, provider: override, second: {} } : options;
    const env = isOverruled ? { ...given, SOCKET_SECOND_ROLE: undefined } : given;
    const config = socketConfig(env, settings, gatewayPath);
    if (hasGateway(config) && config.app.secret === DEVELOPMENT_APP.secret) {
      new Logger('SocketModule').warn('SOCKET_APP_SECRET is the development secret, which everybody knows');
    }
    const adapter = await loadAdapter(config.provider);
    const container = await createSocketContainer(config, adapter, new Logger('SocketModule'));
    const endpoints = () => absolutePath(application.getGlobalPrefix(), path);
    const isRetried = adapter.isRetried === true && config.delivery.retryDeadlineMs > 0;
    const second = await loadSecond(config, { provider: config.provider, adapter, container });
    const makeDelivery = await loadDelivery(second?.configAbove(config) ?? config, isRetried);
    return new SocketRuntime(config, adapter, container, host, endpoints, makeDelivery, second);
  }

  /** What {@link deliver} handed out, if it was asked. */
  get delivery(): RelayDelivery | undefined {
    return this.#delivery;
  }

  /** The port: the one provider's, or that over both. */
  get client(): ISocketClient {
    return this.second?.client ?? this.container.get<ISocketClient>(SOCKET_CLIENT);
  }

  /** The provider that browsers should be on, now. */
  get provider(): Provider {
    return this.second?.client.inForce ?? this.config.provider;
  }

  /** What the second of two providers has missed. */
  get secondCounts(): SecondProvider['client']['counts'] | undefined {
    return this.second?.client.counts;
  }

  /** Every provider there is, the first one first. */
  get providers(): readonly Pick<BuiltProvider, 'provider' | 'container'>[] {
    const first = { provider: this.config.provider, container: this.container };
    return this.second === undefined ? [first] : [first, this.second];
  }

  /** What happens on the channels of every provider there is. */
  get channelEvents(): ChannelEventFeed {
    const sources = this.providers.map(({ container }) => container.get(ChannelEventSource));
    return {
      listen: (listener) => {
        const stops = sources.map((source) => source.listen(listener));
        return () => {
          for (const stop of stops) stop();
        };
      },
    };
  }

  /** Whether the application serves HTTP. */
  get hasServer(): boolean {
    return this.#httpAdapter !== undefined;
  }

  get clock(): Clock {
    return this.container.get<Clock>(CLOCK);
  }

  /** What stands between the one who asks first and the port; nothing where each call is made once. It ends with the application. */
  deliver(listener: DeliveryListener): RelayDelivery | undefined {
    const { client, container, clock } = this;
    const logger = container.get<SocketLogger>(LOGGER);
    this.#delivery = this.makeDelivery?.({ client, clock, listener, logger });
    return this.#delivery;
  }

  /** Where `pusher-js` connects to. */
  clientOptions(origin: ClientOrigin): ClientOptions {
    const adapter = this.second?.isInForce === true ? this.second.adapter : this.adapter;
    return adapter.clientOptions(this.config, origin);
  }

  /**
   * Starts to listen, where the provider listens and the application has an HTTP server.
   *
   * @throws SocketConfigurationError when a port of its own cannot be listened on, which fails the application's start
   */
  async onApplicationBootstrap(): Promise<void> {
    const server = this.#httpAdapter?.getHttpServer() as Server | undefined;
    if (server !== undefined) {
      for (const attachment of this.#attachments) await attachment.attach(server, this.endpoints());
    } else if (hasGateway(this.config) && this.config.cluster === 'local') {
      const relays = this.second === undefined ? 'relays' : 'on "ws", relays';
      new Logger('SocketModule').warn(
        `There is no HTTP server to listen on: ${relays} of this process reach nobody`,
      );
    }
  }

  /** Before Nest closes the HTTP server, which would wait for the sockets. */
  async beforeApplicationShutdown(): Promise<void> {
    for (const attachment of this.#attachments) attachment.detach?.();
    await this.#delivery?.close();
    await this.client.close();
    await this.#delivery?.release?.();
  }

  // A worker or a command-line tool has no HTTP adapter, whatever the type says.
  get #httpAdapter(): HttpAdapterHost['httpAdapter'] | undefined {
    return this.host.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined;
  }

  get #attachments(): readonly ServerAttachment[] {
    return this.providers.flatMap(({ container }) =>
      container.isBound(SERVER_ATTACHMENT) ? [container.get<ServerAttachment>(SERVER_ATTACHMENT)] : [],
    );
  }
}

function hasGateway({ provider, second }: SocketConfig): boolean {
  return provider === 'ws' || second?.provider === 'ws';
}

/** Nothing of it where there is one provider. */
async function loadSecond(config: SocketConfig, first: BuiltProvider): Promise<SecondProvider | undefined> {
  if (config.second === undefined) return undefined;
  const { SecondProvider } = await import('./second-provider.js');
  return SecondProvider.build(config, config.second, first, first.container.get<SocketLogger>(LOGGER));
}

/** Puts parts of a path together, whatever slashes they have at their ends. */
function absolutePath(...parts: readonly string[]): string {
  return parts
    .flatMap((part) => part.split('/'))
    .filter(Boolean)
    .map((part) => `/${part}`)
    .join('');
}
