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
import { DEVELOPMENT_APP, socketConfig } from '../../config/socket-config.js';
import type { Delivery } from '../../delivery/delivery.js';
import type { DeliveryListener, RelayDelivery } from '../../delivery/relay-delivery.js';
import { type Clock, CLOCK } from '../../ports/clock.js';
import { type ISocketClient, SOCKET_CLIENT } from '../../ports/socket-client.js';
import type { Provider, SocketConfig } from '../../ports/socket-config.js';
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
    /** Loaded only where something is tried again. */
    private readonly DeliveryClass: typeof Delivery | undefined,
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
    const settings = override === undefined ? options : { ...options, provider: override };
    const config = socketConfig(options.env ?? process.env, settings, gatewayPath);
    if (config.provider === 'ws' && config.app.secret === DEVELOPMENT_APP.secret) {
      new Logger('SocketModule').warn('SOCKET_APP_SECRET is the development secret, which everybody knows');
    }
    const adapter = await loadAdapter(config.provider);
    const container = await createSocketContainer(config, adapter, new Logger('SocketModule'));
    const endpoints = () => absolutePath(application.getGlobalPrefix(), path);
    const isRetried = adapter.isRetried === true && config.delivery.retryDeadlineMs > 0;
    const DeliveryClass = isRetried ? (await import('../../delivery/delivery.js')).Delivery : undefined;
    return new SocketRuntime(config, adapter, container, host, endpoints, DeliveryClass);
  }

  get client(): ISocketClient {
    return this.container.get<ISocketClient>(SOCKET_CLIENT);
  }

  /** What tries again for the one who asks first; nothing where each call is made once. It ends with the application. */
  deliver(listener: DeliveryListener): RelayDelivery | undefined {
    if (this.DeliveryClass === undefined) return undefined;
    const { provider, delivery } = this.config;
    const clock = this.container.get<Clock>(CLOCK);
    const logger = new Logger('SocketModule');
    this.#delivery = new this.DeliveryClass(this.client, provider, delivery, clock, listener, logger);
    return this.#delivery;
  }

  /** Where `pusher-js` connects to. */
  clientOptions(origin: ClientOrigin): ClientOptions {
    return this.adapter.clientOptions(this.config, origin);
  }

  /**
   * Starts to listen, where the provider listens and the application has an HTTP server.
   *
   * @throws SocketConfigurationError when a port of its own cannot be listened on, which fails the application's start
   */
  async onApplicationBootstrap(): Promise<void> {
    // A worker or a command-line tool has no HTTP adapter, whatever the type says.
    const server = (this.host.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined)?.getHttpServer() as
      Server | undefined;
    if (server !== undefined) await this.#attachment?.attach(server, this.endpoints());
    else if (this.config.provider === 'ws' && this.config.cluster === 'local') {
      new Logger('SocketModule').warn(
        'There is no HTTP server to listen on: relays of this process reach nobody',
      );
    }
  }

  /** Before Nest closes the HTTP server, which would wait for the sockets. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#attachment?.detach?.();
    await this.#delivery?.close();
    await this.client.close();
  }

  get #attachment(): ServerAttachment | undefined {
    const { container } = this;
    return container.isBound(SERVER_ATTACHMENT)
      ? container.get<ServerAttachment>(SERVER_ATTACHMENT)
      : undefined;
  }
}

/** Puts parts of a path together, whatever slashes they have at their ends. */
function absolutePath(...parts: readonly string[]): string {
  return parts
    .flatMap((part) => part.split('/'))
    .filter(Boolean)
    .map((part) => `/${part}`)
    .join('');
}
