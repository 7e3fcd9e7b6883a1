import type { Server } from 'node:http';
import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
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
import { socketConfig } from '../../config/socket-config.js';
import { type ISocketClient, SOCKET_CLIENT } from '../../ports/socket-client.js';
import type { Provider, SocketConfig } from '../../ports/socket-config.js';
import type { SocketModuleOptions } from './socket-options.js';

/** The border between the two containers: the inside as inversify composed it, started and stopped with the Nest application. */
@Injectable()
export class SocketRuntime implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private constructor(
    readonly config: SocketConfig,
    private readonly adapter: SocketAdapter,
    /** The inside: `container.get(token)`. */
    readonly container: Container,
    private readonly host: HttpAdapterHost,
  ) {}

  /**
   * Reads the configuration and builds the container for its provider.
   *
   * @throws SocketConfigurationError, MissingPackageError
   */
  static async create(
    options: SocketModuleOptions,
    gatewayPath: string,
    host: HttpAdapterHost,
    override: Provider | undefined,
  ): Promise<SocketRuntime> {
    const settings = override === undefined ? options : { ...options, provider: override };
    const config = socketConfig(options.env ?? process.env, settings, gatewayPath);
    const adapter = await loadAdapter(config.provider);
    const container = await createSocketContainer(config, adapter, new Logger('SocketModule'));
    return new SocketRuntime(config, adapter, container, host);
  }

  get client(): ISocketClient {
    return this.container.get<ISocketClient>(SOCKET_CLIENT);
  }

  /** Where `pusher-js` connects to. */
  clientOptions(origin: ClientOrigin): ClientOptions {
    return this.adapter.clientOptions(this.config, origin);
  }

  /** Starts to listen, where the provider listens and the application has an HTTP server. */
  onApplicationBootstrap(): void {
    // A worker or a command-line tool has no HTTP adapter, whatever the type says.
    const server = (this.host.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined)?.getHttpServer() as
      Server | undefined;
    if (server === undefined || !this.container.isBound(SERVER_ATTACHMENT)) return;
    this.container.get<ServerAttachment>(SERVER_ATTACHMENT).attach(server);
  }

  /** Before Nest closes the HTTP server, which would wait for the sockets. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.client.close();
  }
}
